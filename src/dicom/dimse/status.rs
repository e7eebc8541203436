//! Status of responses (PS3.7 annex C).

use crate::error::Disposition;

/// Status of a response (PS3.7 annex C; C-STORE: 9.1.1.1.9, PS3.4 B.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreStatus {
    /// 0000H: done, and durable.
    Success,
    /// 0117H: the SOP Instance UID is no UID.
    InvalidSopInstance,
    /// 0122H: that SOP class is not taken, or not on this presentation context.
    SopClassNotSupported,
    /// 0211H: we do not do that operation.
    UnrecognizedOperation,
    /// 0212H: a parameter is missing.
    MistypedArgument,
    /// A700H: no room, no disk, over a limit; the sender should try again.
    OutOfResources,
    /// A900H: class or instance differ between the command and the data set.
    DataSetDoesNotMatchSopClass,
    /// C000H: the data set can't be read.
    CannotUnderstand,
    /// Whatever else a peer answered.
    Other(u16),
}

impl StoreStatus {
    /// Those that we answer with.
    pub const KNOWN: [Self; 8] = [
        Self::Success,
        Self::InvalidSopInstance,
        Self::SopClassNotSupported,
        Self::UnrecognizedOperation,
        Self::MistypedArgument,
        Self::OutOfResources,
        Self::DataSetDoesNotMatchSopClass,
        Self::CannotUnderstand,
    ];

    /// The value of Status (0000,0900).
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Success => 0x0000,
            Self::InvalidSopInstance => 0x0117,
            Self::SopClassNotSupported => 0x0122,
            Self::UnrecognizedOperation => 0x0211,
            Self::MistypedArgument => 0x0212,
            Self::OutOfResources => 0xA700,
            Self::DataSetDoesNotMatchSopClass => 0xA900,
            Self::CannotUnderstand => 0xC000,
            Self::Other(code) => code,
        }
    }

    /// The status with that code.
    #[must_use]
    pub fn from_code(code: u16) -> Self {
        let known = Self::KNOWN.into_iter().find(|status| status.code() == code);
        known.unwrap_or(Self::Other(code))
    }

    /// Whether the peer has the instance: success, or one of the warnings (0001H, 0107H, 0116H, Bxxx).
    #[must_use]
    pub fn is_stored(self) -> bool {
        matches!(self.code(), 0x0000 | 0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF)
    }

    /// Whether sending it again later may help (A7xx: out of resources; 0213H: resource limitation).
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self.code(), 0xA700..=0xA7FF | 0x0213)
    }
}

impl std::fmt::Display for StoreStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04X}H", self.code())
    }
}

impl From<Disposition> for StoreStatus {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Reject => Self::CannotUnderstand,
            // The scanner keeps its copy and sends again; that is what we want in both cases.
            Disposition::Retry | Disposition::Fatal => Self::OutOfResources,
        }
    }
}

/// Status of a response of the normalized services (PS3.7 section 10.1 and annex C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStatus {
    /// 0000H.
    Success,
    /// 0106H: an attribute has a value that is not allowed.
    InvalidAttributeValue,
    /// 0110H: it could not be done.
    ProcessingFailure,
    /// 0110H with error id A710H: the procedure step is final (PS3.4 F.7.2.2.3).
    NoLongerUpdatable,
    /// 0111H: there is one of that name already.
    DuplicateSopInstance,
    /// 0112H: there is no such instance.
    NoSuchSopInstance,
    /// 0113H: there is no such event.
    NoSuchEvent,
    /// 0115H: what came with it makes no sense.
    InvalidArgument,
    /// 0117H: the SOP Instance UID is no UID.
    InvalidSopInstance,
    /// 0118H: that SOP class is not served, or not on this presentation context.
    NoSuchSopClass,
    /// 0120H: a required attribute is not there.
    MissingAttribute,
    /// 0121H: a required attribute has no value.
    MissingAttributeValue,
    /// 0123H: there is no such action.
    NoSuchAction,
    /// 0212H: a parameter is missing.
    MistypedArgument,
    /// 0213H: it is over a limit.
    ResourceLimitation,
}

impl ServiceStatus {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Success => 0x0000,
            Self::InvalidAttributeValue => 0x0106,
            Self::ProcessingFailure | Self::NoLongerUpdatable => 0x0110,
            Self::DuplicateSopInstance => 0x0111,
            Self::NoSuchSopInstance => 0x0112,
            Self::NoSuchEvent => 0x0113,
            Self::InvalidArgument => 0x0115,
            Self::InvalidSopInstance => 0x0117,
            Self::NoSuchSopClass => 0x0118,
            Self::MissingAttribute => 0x0120,
            Self::MissingAttributeValue => 0x0121,
            Self::NoSuchAction => 0x0123,
            Self::MistypedArgument => 0x0212,
            Self::ResourceLimitation => 0x0213,
        }
    }

    /// Error ID (0000,0903), where the service has one.
    pub(super) fn error_id(self) -> Option<u16> {
        (self == Self::NoLongerUpdatable).then_some(0xA710)
    }
}
