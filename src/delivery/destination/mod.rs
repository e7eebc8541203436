//! Where results go: the `[[destination]]` tables of the settings, checked.
//!
//! What is common stands here; each kind's own settings stand beside what sends them.

mod audience;
mod error;
mod kind;

use serde::{Deserialize, Serialize};

pub use self::audience::{Day, Duty, FindingLimit, Hours, OrderLimit};
pub use self::error::DestinationError;
pub use self::kind::Kind;
use crate::limits::{
    DESTINATION_NAME_BYTES_MAX, DESTINATIONS_MAX, ESCALATION_MAX, PERSON_BYTES_MAX,
};
use crate::screening::report::Decision;
use crate::units::{CubicCentimeters, Side};

/// One place that is told about results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Destination {
    /// Its name: unique, stable, never shown to the destination.
    pub name: String,
    /// The decisions that it is told first; a correction of what it was told is sent always.
    pub on: Vec<Decision>,
    /// Whose orders it is told of.
    pub orders: OrderLimit,
    /// Which findings it is told of.
    pub findings: FindingLimit,
    /// When it is told.
    pub duty: Duty,
    /// Minutes that an alert waits for somebody's acknowledgement before this destination is told; 0 for at once.
    pub after_min: u32,
    /// Who it is, for the audit trail: `radiologist`, say.
    pub role: Option<String>,
    /// How it is reached.
    pub kind: Kind,
}

/// A destination as it stands in the file. What it does not know is for its kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Written {
    name: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    referring_physicians: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requested_procedures: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stations: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sides: Vec<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume_cm3_min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score_min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hours_text")]
    hours: Option<Hours>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Vec<Day>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after_min: Option<u32>,
    #[serde(flatten)]
    of_kind: toml::Table,
}

/// Hours as their text.
mod hours_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Hours;

    pub(super) fn serialize<S: Serializer>(
        hours: &Option<Hours>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match hours {
            Some(hours) => to.serialize_str(&hours.to_string()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Hours>, D::Error> {
        let text: Option<String> = Deserialize::deserialize(from)?;
        text.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)
    }
}

impl Written {
    /// The decisions, where the file has them.
    fn decisions(&self) -> Result<Option<Vec<Decision>>, DestinationError> {
        let Some(on) = &self.on else { return Ok(None) };
        let mut decisions = Vec::new();
        for text in on {
            let known = [Decision::Flagged, Decision::NotFlagged, Decision::NotAssessable];
            let Some(decision) = known.into_iter().find(|it| it.as_str() == text) else {
                return Err(DestinationError::On {
                    name: self.name.clone(),
                    decision: text.clone(),
                });
            };
            if !decisions.contains(&decision) {
                decisions.push(decision);
            }
        }
        if decisions.is_empty() {
            return Err(DestinationError::OnNothing(self.name.clone()));
        }
        Ok(Some(decisions))
    }

    /// Numbers in their ranges, and nothing of people's on what is a system.
    fn check(&self, kind: &Kind) -> Result<(), DestinationError> {
        let name = || self.name.clone();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let is_named = (1..=DESTINATION_NAME_BYTES_MAX).contains(&self.name.len());
        if !is_named || !self.name.bytes().all(plain) {
            return Err(DestinationError::Name(name()));
        }
        let out = |key, range| Err(DestinationError::OutOfRange { name: name(), key, range });
        if u64::from(self.after_min.unwrap_or(0)) * 60 > ESCALATION_MAX.as_secs() {
            return out("after_min", "0 to 10080, a week");
        }
        if self.score_min.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
            return out("score_min", "0 to 1");
        }
        if self.volume_cm3_min.is_some_and(|it| !(it >= 0.0 && it.is_finite())) {
            return out("volume_cm3_min", "0 or more");
        }
        if self.role.as_ref().is_some_and(|it| it.is_empty() || it.len() > PERSON_BYTES_MAX) {
            return out("role", "1 to 128 bytes");
        }
        let of_people = [
            ("sides", !self.sides.is_empty()),
            ("volume_cm3_min", self.volume_cm3_min.is_some()),
            ("score_min", self.score_min.is_some()),
            ("hours", self.hours.is_some()),
            ("days", !self.days.is_empty()),
            ("after_min", self.after_min.is_some()),
        ];
        match of_people.into_iter().find(|(_, is_set)| *is_set && !kind.is_push()) {
            Some((key, _)) => {
                Err(DestinationError::NotForSystems { name: name(), key, kind: kind.name() })
            }
            None => Ok(()),
        }
    }
}

/// A push is for what someone should look at now; a system takes every result.
fn on_by_default(kind: &Kind) -> Vec<Decision> {
    if kind.is_push() {
        vec![Decision::Flagged]
    } else {
        vec![Decision::Flagged, Decision::NotFlagged, Decision::NotAssessable]
    }
}

impl TryFrom<Written> for Destination {
    type Error = DestinationError;

    fn try_from(written: Written) -> Result<Self, DestinationError> {
        let kind = Kind::parse(&written.name, &written.kind, written.of_kind.clone())?;
        written.check(&kind)?;
        let on = written.decisions()?.unwrap_or_else(|| on_by_default(&kind));
        Ok(Self {
            name: written.name,
            on,
            orders: OrderLimit {
                referring_physicians: written.referring_physicians,
                requested_procedures: written.requested_procedures,
                stations: written.stations,
            },
            findings: FindingLimit {
                sides: written.sides,
                volume_cm3_min: written.volume_cm3_min.map(CubicCentimeters),
                score_min: written.score_min,
            },
            duty: Duty { hours: written.hours, days: written.days },
            after_min: written.after_min.unwrap_or(0),
            role: written.role,
            kind,
        })
    }
}

impl From<Destination> for Written {
    fn from(it: Destination) -> Self {
        Self {
            name: it.name,
            kind: it.kind.name().to_owned(),
            role: it.role,
            on: Some(it.on.iter().map(|decision| decision.as_str().into()).collect()),
            referring_physicians: it.orders.referring_physicians,
            requested_procedures: it.orders.requested_procedures,
            stations: it.orders.stations,
            sides: it.findings.sides,
            volume_cm3_min: it.findings.volume_cm3_min.map(|it| it.0),
            score_min: it.findings.score_min,
            hours: it.duty.hours,
            days: it.duty.days,
            after_min: (it.after_min > 0).then_some(it.after_min),
            of_kind: it.kind.settings(),
        }
    }
}

/// Checks what no single destination can know.
///
/// # Errors
/// [`DestinationError::NameTwice`], [`DestinationError::TooMany`], or [`DestinationError::NoWorklist`].
pub fn check_all(destinations: &[Destination], has_worklist: bool) -> Result<(), DestinationError> {
    if destinations.len() > DESTINATIONS_MAX {
        return Err(DestinationError::TooMany(destinations.len()));
    }
    for (n, destination) in destinations.iter().enumerate() {
        if destinations[..n].iter().any(|earlier| earlier.name == destination.name) {
            return Err(DestinationError::NameTwice(destination.name.clone()));
        }
        if !has_worklist && destination.orders != OrderLimit::default() {
            return Err(DestinationError::NoWorklist(destination.name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worklist::matching::Order;

    fn parse(text: &str) -> Result<Destination, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_webhook_tells_what_is_flagged_by_default() {
        let ward = parse("name='ward'\nkind='webhook'\nurl='http://127.0.0.1:9000/alert?key=s'");
        let ward = ward.unwrap();
        assert_eq!(ward.on, [Decision::Flagged]);
        assert!(!format!("{ward:?}").contains("key"), "{ward:?}");
        let again = toml::to_string(&ward).unwrap();
        assert_eq!(parse(&again).unwrap(), ward);
        let twice = check_all(&[ward.clone(), ward], false).unwrap_err();
        assert!(twice.to_string().contains("\"ward\""));
    }

    #[test]
    fn people_have_hours_and_findings_and_systems_do_not() {
        let text = "name='w'\nkind='webhook'\nurl='http://h/'\nrole='on call'\nhours='20:00-06:00'\n\
                    days=['sat']\nafter_min=30\nsides=['left']\nvolume_cm3_min=1.5\nscore_min=0.9";
        let night = parse(text).unwrap();
        assert_eq!((night.after_min, night.role.as_deref()), (30, Some("on call")));
        assert_eq!(parse(&toml::to_string(&night).unwrap()).unwrap(), night);
        let check = |text: &str, says: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        let web = "name='w'\nkind='webhook'\nurl='http://h/'";
        check(&format!("{web}\nhours='all'"), "08:00-17:30");
        check(&format!("{web}\nscore_min=2.0"), "0 to 1");
        check(&format!("{web}\nafter_min=20000"), "10080");
        check(&format!("{web}\nrole=''"), "128");
        let pacs = "name='a'\nkind='pacs'\naddress='pacs.example:104'\nae_title='PACS'";
        check(&format!("{pacs}\nafter_min=5"), "every result");
    }

    #[test]
    fn a_pacs_gets_every_result_by_default() {
        let text = "name='archive'\nkind='pacs'\naddress='pacs.example:104'\nae_title='PACS'";
        let archive = parse(text).unwrap();
        assert_eq!(archive.on.len(), 3);
        assert!(matches!(&archive.kind, Kind::Pacs(it) if !it.tls));
        assert_eq!(parse(&toml::to_string(&archive).unwrap()).unwrap(), archive);
    }

    #[test]
    fn a_destination_hears_of_its_orders_and_of_series_without_one() {
        let text = "name='w'\nkind='webhook'\nurl='http://h/'\nreferring_physicians=['smith^jane']\n\
                    stations=['CT1', 'CT2']\nrequested_procedures=['ct neck']";
        let limited = parse(text).unwrap();
        assert_eq!(parse(&toml::to_string(&limited).unwrap()).unwrap(), limited);
        assert!(check_all(std::slice::from_ref(&limited), true).is_ok());
        let phi = |text: &str| crate::phi::Phi::new(text.to_owned());
        let order = |physician: &str, procedure: &str, station: &str| Order {
            referring_physician: phi(physician),
            requested_procedure_description: phi(procedure),
            stations: vec![station.to_owned()],
            ..Order::default()
        };
        let check = |order: Order, expected: bool| {
            assert_eq!(limited.orders.includes(Some(&order)), expected, "{order:?}");
        };
        check(order("SMITH^JANE^^", "CT NECK", "CT2"), true);
        check(order("Smith^Jane=山田", "CT neck", "CT1"), true);
        check(order("Smith", "CT neck", "CT1"), false);
        check(order("Smith^Jane", "CT head", "CT1"), false);
        check(order("Smith^Jane", "CT neck", "CT3"), false);
        assert!(limited.orders.includes(None));
    }

    #[test]
    fn mistakes_are_told_so_that_a_person_can_act() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("name='a b'\nkind='webhook'\nurl='http://h/'", "1 to 64 letters");
        check("name='w'\nkind='pacs'\naddress='pacs:104'", "missing field `ae_title`");
        check("name='w'\nkind='pacs'\naddress='pacs'\nae_title='P'", "no address");
        let pacs = "name='w'\nkind='pacs'\naddress='pacs:104'\nae_title='P'\n";
        check(&format!("{pacs}url='http://h/'"), "unknown field `url`");
        check("name='w'\nkind='webhook'\nurl='http://h/'\ntls=true", "unknown field `tls`");
        check("name='w'\nkind='fax'", "there is no kind \"fax\"");
        check("name='w'\nkind='webhook'", "missing field `url`");
        check("name='w'\nkind='webhook'\nurl='ftp://h/'", "http:// or https://");
        check("name='w'\nkind='webhook'\nurl='/alert'", "http:// or https://");
        check("name='w'\nkind='webhook'\nurl='http://u:p@h/'", "without user");
        check("name='w'\nkind='webhook'\nurl='http://h/'\non=['all']", "`on` has \"all\"");
        check("name='w'\nkind='webhook'\nurl='http://h/'\non=[]", "`on` is empty");
        check("name='w'\nkind='webhook'\nurl='http://h/'\nretries=3", "unknown field `retries`");
    }
}
