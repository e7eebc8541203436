//! The pages behind signed links: a person says that an alert was seen, and what they think of it.
//!
//! ```text
//!  link in a message --GET--> page --POST, by a person's hand--> acknowledged, with verdicts
//!  system that got it --------------POST of JSON---------------> the same
//! ```
//! Who has no signed link sees nothing, not even whether there is an alert. These pages hold no name, id or accession
//! number of a patient.

pub(super) mod acknowledge;
pub(super) mod page;
