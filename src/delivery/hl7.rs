//! A result as an HL7 message over MLLP. Blocking, on a thread of its own.

use serde::{Deserialize, Serialize};

use super::{Attempt, SendError, Sender};
use crate::db::deliveries::Delivery;
use crate::dicom::scu::PeerAddress;
use crate::hl7::client::{self, ClientError};

/// What a receiver of HL7 messages needs. Names may have components: `RIS^1.2.3^ISO`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hl7Settings {
    /// Where it listens.
    pub address: PeerAddress,
    /// Who it is (MSH-5).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receiving_application: String,
    /// Where it is (MSH-6).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receiving_facility: String,
    /// Where this appliance is (MSH-4).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sending_facility: String,
}

/// The way to one receiver.
#[derive(Debug)]
pub(super) struct Hl7 {
    address: PeerAddress,
}

impl Hl7 {
    pub(super) fn new(settings: &Hl7Settings) -> Self {
        Self { address: settings.address.clone() }
    }
}

impl Sender for Hl7 {
    /// Sends the message as it is in the row, each time with the same MSH-10. The receipt is the code of the answer and
    /// what it says.
    fn send(&self, delivery: &Delivery, attempt: Attempt) -> Result<String, SendError> {
        let sent = client::send(self.address.as_str(), &delivery.payload, attempt.timeout);
        sent.map(|answer| answer.receipt()).map_err(|error| match error {
            ClientError::Refused(answer) => SendError::Refused(answer.to_string()),
            ClientError::NotNow(answer) => {
                SendError::NotNow { answer: answer.to_string(), retry_after: None }
            }
            ClientError::NoControlId => SendError::Payload(Box::new(error)),
            error => SendError::NoAnswer(Box::new(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::db::deliveries::DeliveryId;
    use crate::error::{Dispose, Disposition};
    use crate::hl7::mllp::frame;

    fn delivery(payload: &str) -> Delivery {
        Delivery {
            id: DeliveryId(1),
            idempotency_key: "k".into(),
            payload: payload.into(),
            attempts: 0,
        }
    }

    /// What comes of a delivery to a receiver that answers so, or says nothing.
    fn send(answer: Option<&'static str>) -> Result<String, SendError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let n = stream.read(&mut [0; 1000]).unwrap();
            assert_ne!(n, 0);
            let text = format!("MSH|^~\\&|R||||||ACK|1|P|2.5.1\r{}\r", answer.unwrap_or_default());
            let _ = stream.write_all(
                &frame(text.as_bytes())[..if answer.is_some() { text.len() + 3 } else { 9 }],
            );
            let _ = stream.read(&mut [0; 1000]);
        });
        let attempt = Attempt { timeout: Duration::from_millis(500), now_unix_ms: 0 };
        let sent = Hl7 { address }.send(&delivery("MSH|^~\\&|P||||||ORU^R01|M1\r"), attempt);
        serving.join().unwrap();
        sent
    }

    #[test]
    fn an_answer_says_what_becomes_of_a_delivery() {
        assert_eq!(send(Some("MSA|AA|M1|filed")).unwrap(), "AA\nfiled");
        let later = send(Some("MSA|AE|M1|no room for DOE")).unwrap_err();
        assert!(matches!(&later, SendError::NotNow { answer, .. } if answer == "AE"), "{later}");
        let never = send(Some("MSA|AR|M1|who is DOE?\rERR|||204")).unwrap_err();
        assert!(
            matches!(&never, SendError::Refused(why) if why.starts_with("AR, condition 204")),
            "{never}"
        );
        for answer in [None, Some("MSA|AA|M0"), Some("PID|1")] {
            let error = send(answer).unwrap_err();
            assert!(matches!(error, SendError::NoAnswer(_)), "{error}");
            assert_eq!(error.disposition(), Disposition::Retry);
        }
    }

    #[test]
    fn what_was_made_for_another_kind_is_not_sent() {
        let hl7 = Hl7 { address: "127.0.0.1:9".parse().unwrap() };
        let attempt = Attempt { timeout: Duration::from_secs(1), now_unix_ms: 0 };
        let error = hl7.send(&delivery("{\"schema\":\"x\"}"), attempt).unwrap_err();
        assert!(matches!(error, SendError::Payload(_)), "{error}");
        assert_eq!(error.disposition(), Disposition::Reject);
    }
}
