//! HL7 version 2: messages to and from the hospital's other systems, over MLLP.
//!
//! ```text
//!  build --text--> client --MLLP--> an interface engine --ack--> what became of it
//!  a RIS --MLLP--> listener --> read --> Message --> radiology_report --> a handler --> ack
//! ```
//! Everything is of version 2.5.1; what others send may be of any 2.x. No text of a message reaches a log or
//! an error: a report's text, and what a receiver writes about a message, may name the patient.

pub mod ack;
pub mod build;
mod character_set;
pub mod client;
mod escape;
pub mod listener;
pub mod mllp;
pub mod radiology_report;
pub mod read;
