//! Whom we let in and what we take: pure decisions on an association request.

use std::collections::BTreeSet;

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderASCEReason,
    AssociationRJServiceProviderPresentationReason, AssociationRJServiceUserReason,
    AssociationRJSource, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, UserVariableItem,
};

use super::request::AssociateRequest;
use crate::dicom::mpps;
use crate::dicom::transfer_syntax::{PixelCoding, TRANSFER_SYNTAXES, TransferSyntax};
use crate::dicom::uid::{AeTitle, TransferSyntaxUid};
use crate::dicom::upper_layer::our_user_variables;

/// Kinds of object that are taken, beside Verification, Storage Commitment and Performed Procedure Steps.
pub const STORAGE_SOP_CLASSES: [&str; 3] = [
    uids::CT_IMAGE_STORAGE,
    uids::ENHANCED_CT_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE,
];

/// Services beside storage.
pub const SERVICE_SOP_CLASSES: [&str; 3] =
    [uids::VERIFICATION, uids::STORAGE_COMMITMENT_PUSH_MODEL, mpps::SOP_CLASS];

/// Who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallingAeTitles {
    /// Anyone with an AE title.
    Any,
    /// These.
    Only(BTreeSet<AeTitle>),
}

/// Why an association was rejected (PS3.8 table 9-21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Bit 0 of the protocol version is not set.
    #[error("protocol version not supported")]
    ProtocolVersion,
    /// Not the DICOM application context.
    #[error("application context name not supported")]
    ApplicationContext,
    /// We are not who the peer called.
    #[error("called AE title not recognized")]
    CalledAeTitle,
    /// The peer is not on the list.
    #[error("calling AE title not recognized")]
    CallingAeTitle,
    /// It proposes no presentation context.
    #[error("no presentation context proposed")]
    NoContext,
    /// As many associations as are allowed are open.
    #[error("too many associations")]
    TooMany,
}

impl Rejection {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ProtocolVersion,
        Self::ApplicationContext,
        Self::CalledAeTitle,
        Self::CallingAeTitle,
        Self::NoContext,
        Self::TooMany,
    ];

    /// Result, source and reason, as the PDU has them.
    ///
    /// # Errors
    /// When the PDU can't be written, which does not depend on input.
    pub fn codes(self) -> Result<[u8; 3], dicom_ul::pdu::WriteError> {
        let mut bytes = Vec::new();
        dicom_ul::pdu::write_pdu(&mut bytes, &self.pdu().into())?;
        Ok([7, 8, 9].map(|at| bytes.get(at).copied().unwrap_or_default()))
    }

    /// The PDU that says so: result, source and reason.
    #[must_use]
    pub(super) fn pdu(self) -> AssociationRJ {
        use AssociationRJServiceUserReason as User;
        use AssociationRJSource::{ServiceProviderASCE, ServiceProviderPresentation, ServiceUser};
        let source = match self {
            Self::ProtocolVersion => ServiceProviderASCE(
                AssociationRJServiceProviderASCEReason::ProtocolVersionNotSupported,
            ),
            Self::ApplicationContext => ServiceUser(User::ApplicationContextNameNotSupported),
            Self::CalledAeTitle => ServiceUser(User::CalledAETitleNotRecognized),
            Self::CallingAeTitle => ServiceUser(User::CallingAETitleNotRecognized),
            Self::NoContext => ServiceUser(User::NoReasonGiven),
            Self::TooMany => ServiceProviderPresentation(
                AssociationRJServiceProviderPresentationReason::LocalLimitExceeded,
            ),
        };
        // Only the lack of room passes by itself.
        let result = match self {
            Self::TooMany => AssociationRJResult::Transient,
            _ => AssociationRJResult::Permanent,
        };
        AssociationRJ { result, source }
    }
}

/// An accepted presentation context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) id: u8,
    pub(super) abstract_syntax: String,
    pub(super) transfer_syntax: TransferSyntaxUid,
}

/// What was agreed.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    pub(super) calling_ae: AeTitle,
    pub(super) contexts: Vec<Context>,
    /// Maximum PDU length that the peer takes; 0 is none.
    pub(super) peer_pdu_bytes_max: u32,
    pub(super) accept: AssociationAC,
}

/// Decides on a request.
pub(super) fn negotiate(
    request: &AssociateRequest,
    our_ae: &AeTitle,
    callers: &CallingAeTitles,
) -> Result<Agreement, Rejection> {
    // Only bit 0 counts (PS3.8 9.3.2): a later version that keeps it is fine.
    if request.protocol_version & 1 == 0 {
        return Err(Rejection::ProtocolVersion);
    }
    if request.application_context != uids::DICOM_APPLICATION_CONTEXT {
        return Err(Rejection::ApplicationContext);
    }
    if request.called_ae.parse().as_ref() != Ok(our_ae) {
        return Err(Rejection::CalledAeTitle);
    }
    let calling_ae: AeTitle = request.calling_ae.parse().map_err(|_| Rejection::CallingAeTitle)?;
    if let CallingAeTitles::Only(titles) = callers
        && !titles.contains(&calling_ae)
    {
        return Err(Rejection::CallingAeTitle);
    }
    if request.contexts.is_empty() {
        return Err(Rejection::NoContext);
    }
    let results: Vec<_> = request.contexts.iter().map(answer_context).collect();
    let contexts: Vec<_> = request.contexts.iter().zip(&results).filter_map(accepted).collect();
    let mut user_variables = our_user_variables();
    user_variables.extend(answer_roles(request, &contexts));
    Ok(Agreement {
        calling_ae,
        contexts,
        peer_pdu_bytes_max: request.pdu_bytes_max,
        accept: AssociationAC {
            protocol_version: 1,
            calling_ae_title: request.calling_ae.clone(),
            called_ae_title: request.called_ae.clone(),
            application_context_name: uids::DICOM_APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: results,
            user_variables,
        },
    })
}

fn accepted(
    (proposed, result): (&PresentationContextProposed, &PresentationContextResult),
) -> Option<Context> {
    if result.reason != PresentationContextResultReason::Acceptance {
        return None;
    }
    Some(Context {
        id: proposed.id,
        abstract_syntax: proposed.abstract_syntax.clone(),
        transfer_syntax: result.transfer_syntax.parse().expect("one of TRANSFER_SYNTAXES"),
    })
}

/// Roles as proposed for storage commitment, which works both ways: we promise to keep what we get, and hear of what
/// we sent. Elsewhere they are left unanswered, and the peer is SCU (PS3.7 D.3.3.4).
fn answer_roles(request: &AssociateRequest, contexts: &[Context]) -> Option<UserVariableItem> {
    let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
    contexts.iter().find(|context| context.abstract_syntax == class)?;
    let (_, roles) = request.roles.iter().find(|(proposed, _)| proposed == class)?;
    Some(UserVariableItem::ScuScpRoleSelectionSubItem(class.to_owned(), *roles))
}

fn answer_context(proposed: &PresentationContextProposed) -> PresentationContextResult {
    let is_storage = STORAGE_SOP_CLASSES.contains(&proposed.abstract_syntax.as_str());
    let is_ours = is_storage || SERVICE_SOP_CLASSES.contains(&proposed.abstract_syntax.as_str());
    // Messages without pixels have nothing to compress.
    let is_plain =
        |syntax: &&TransferSyntax| syntax.pixels == PixelCoding::Native && !syntax.is_deflated;
    let syntax = TRANSFER_SYNTAXES
        .iter()
        .filter(|syntax| is_storage || is_plain(syntax))
        .map(|syntax| syntax.uid)
        .find(|syntax| proposed.transfer_syntaxes.iter().any(|proposed| proposed == syntax));
    let (reason, transfer_syntax) = match (is_ours, syntax) {
        (false, _) => (PresentationContextResultReason::AbstractSyntaxNotSupported, None),
        (true, None) => (PresentationContextResultReason::TransferSyntaxesNotSupported, None),
        (true, Some(syntax)) => (PresentationContextResultReason::Acceptance, Some(syntax)),
    };
    // Of a rejected context the syntax is there but means nothing (PS3.8 9.3.3.2).
    let transfer_syntax = transfer_syntax.unwrap_or(uids::IMPLICIT_VR_LITTLE_ENDIAN).to_owned();
    PresentationContextResult { id: proposed.id, reason, transfer_syntax }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(edit: impl FnOnce(&mut AssociateRequest)) -> AssociateRequest {
        let context = |id, class: &str, syntaxes: &[&str]| PresentationContextProposed {
            id,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
        };
        let both = [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN];
        let mut request = AssociateRequest {
            protocol_version: 1,
            called_ae: "PAROTIDD".to_owned(),
            calling_ae: "CT1".to_owned(),
            application_context: uids::DICOM_APPLICATION_CONTEXT.to_owned(),
            contexts: vec![
                context(1, uids::CT_IMAGE_STORAGE, &both),
                context(3, uids::MR_IMAGE_STORAGE, &both),
                context(5, uids::CT_IMAGE_STORAGE, &[uids::JPEG_BASELINE8_BIT]),
                context(7, uids::VERIFICATION, &both[..1]),
            ],
            roles: Vec::new(),
            pdu_bytes_max: 16_384,
        };
        edit(&mut request);
        request
    }

    fn answer(edit: impl FnOnce(&mut AssociateRequest)) -> Result<Agreement, Rejection> {
        let callers = CallingAeTitles::Only(["CT1".parse().unwrap()].into());
        negotiate(&request(edit), &"PAROTIDD".parse().unwrap(), &callers)
    }

    #[test]
    fn contexts_are_answered_each_for_itself() {
        let agreement = answer(|_| {}).unwrap();
        use PresentationContextResultReason as Reason;
        let reasons: Vec<_> = agreement
            .accept
            .presentation_contexts
            .iter()
            .map(|context| (context.id, context.reason.clone()))
            .collect();
        assert_eq!(
            reasons,
            [
                (1, Reason::Acceptance),
                (3, Reason::AbstractSyntaxNotSupported),
                (5, Reason::TransferSyntaxesNotSupported),
                (7, Reason::Acceptance),
            ]
        );
        let syntaxes: Vec<_> = agreement
            .contexts
            .iter()
            .map(|context| (context.id, context.transfer_syntax.as_str()))
            .collect();
        assert_eq!(
            syntaxes,
            [(1, uids::EXPLICIT_VR_LITTLE_ENDIAN), (7, uids::IMPLICIT_VR_LITTLE_ENDIAN)]
        );
    }

    #[test]
    fn messages_are_taken_as_they_are_and_never_compressed() {
        let syntaxes = [uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, uids::JPEGLS_LOSSLESS];
        for class in [uids::STORAGE_COMMITMENT_PUSH_MODEL, mpps::SOP_CLASS] {
            let propose = |request: &mut AssociateRequest, more: &[&str]| {
                request.contexts[0].abstract_syntax = class.to_owned();
                let all = syntaxes.iter().chain(more);
                request.contexts[0].transfer_syntaxes = all.map(|it| (*it).to_owned()).collect();
            };
            let plain = [uids::IMPLICIT_VR_LITTLE_ENDIAN];
            let agreed = answer(|request| propose(request, &plain)).unwrap();
            assert_eq!(agreed.contexts[0].transfer_syntax.as_str(), plain[0]);
            let refused = answer(|request| propose(request, &[])).unwrap();
            assert_eq!(
                refused.accept.presentation_contexts[0].reason,
                PresentationContextResultReason::TransferSyntaxesNotSupported
            );
        }
    }

    #[test]
    fn who_reports_on_a_commitment_may_say_so() {
        use dicom_ul::pdu::RequestorRoles;
        let roles = RequestorRoles { scu: false, scp: true };
        let propose = |request: &mut AssociateRequest, class: &str| {
            request.contexts[0].abstract_syntax = class.to_owned();
            request.roles.push((class.to_owned(), roles));
        };
        let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
        let answered = |class: &str| {
            let agreement = answer(|request| propose(request, class)).unwrap();
            agreement.accept.user_variables[our_user_variables().len()..].to_vec()
        };
        let expected = UserVariableItem::ScuScpRoleSelectionSubItem(class.to_owned(), roles);
        assert_eq!(answered(class), [expected]);
        assert_eq!(answered(uids::CT_IMAGE_STORAGE), []);
    }

    #[test]
    fn rejections_have_the_codes_of_the_standard() {
        let check = |edit: fn(&mut AssociateRequest), codes: [u8; 3]| {
            let rejection = answer(edit).unwrap_err();
            assert_eq!(rejection.codes().unwrap(), codes, "{rejection}");
        };
        check(|request| request.protocol_version = 2, [1, 2, 2]);
        check(|request| request.application_context = "1.2".to_owned(), [1, 1, 2]);
        check(|request| request.called_ae = "OTHER".to_owned(), [1, 1, 7]);
        check(|request| request.calling_ae = "OTHER".to_owned(), [1, 1, 3]);
        check(|request| request.calling_ae = String::new(), [1, 1, 3]);
        check(|request| request.contexts.clear(), [1, 1, 1]);
        assert_eq!(Rejection::TooMany.codes().unwrap(), [2, 3, 2]);
        assert!(answer(|request| request.protocol_version = 3).is_ok());
    }
}
