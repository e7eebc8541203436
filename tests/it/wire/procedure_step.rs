//! Performed procedure steps over real sockets: pynetdicom, and data sets that mean harm.

use dicom_dictionary_std::uids;
use dicom_ul::pdu::Pdu;
use parotidd::dicom::dimse::StoreStatus;
use parotidd::dicom::mpps::{self, StepStatus};
use parotidd::limits;
use serde_json::{Value, json};

use super::support::*;
use crate::peers::pynetdicom;

/// What pynetdicom is answered, step by step; `None` where it is not installed.
async fn answers(server: &Server, syntax: &str, steps: &[Value]) -> Option<Vec<Value>> {
    let port = server.address.port().to_string();
    let mut arguments = vec![port, "PAROTIDD".to_owned(), syntax.to_owned()];
    arguments.extend(steps.iter().map(ToString::to_string));
    let run = move || pynetdicom("procedure_step.py", &arguments);
    let heard = tokio::task::spawn_blocking(run).await.unwrap()?;
    Some(heard.as_array().unwrap().clone())
}

async fn server() -> Server {
    Server::start_with(|options| {
        options.calling_ae_titles =
            CallingAeTitles::Only(["CT1", "MODALITY"].map(|it| it.parse().unwrap()).into());
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pynetdicom_tells_what_it_has_made_in_both_syntaxes() {
    for syntax in ["implicit", "explicit"] {
        let server = server().await;
        let series = json!({
            "1.2.7": [[uids::CT_IMAGE_STORAGE, "1.2.7.1"], [uids::CT_IMAGE_STORAGE, "1.2.7.2"]],
            "1.2.8": [[uids::X_RAY_RADIATION_DOSE_SR_STORAGE, "1.2.8.1"]],
        });
        let steps = [
            json!({"create": "1.2.9.1"}),
            json!({"create": "1.2.9.1"}),
            json!({"set": "1.2.9.1", "series": {"1.2.7": []}}),
            json!({"set": "1.2.9.2", "status": "COMPLETED"}),
            json!({"set": "1.2.9.1", "status": "COMPLETED", "series": series}),
            json!({"set": "1.2.9.1", "status": "DISCONTINUED"}),
            json!({"create": null}),
            json!({"set": "made", "status": "DISCONTINUED"}),
        ];
        let Some(heard) = answers(&server, syntax, &steps).await else { return };
        let statuses: Vec<_> = heard.iter().map(|it| it["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [0, 0x0111, 0, 0x0112, 0, 0x0110, 0, 0], "{heard:?}");
        assert_eq!(heard[5]["error_id"], 0xA710);
        let steps = server.records.steps.lock().unwrap().clone();
        let made = heard[6]["made"].as_str().unwrap();
        assert!(made.starts_with("2.25."), "{made}");
        assert_eq!(steps[&made.parse().unwrap()].status, Some(StepStatus::Discontinued));
        let first = &steps[&"1.2.9.1".parse().unwrap()];
        assert_eq!(first.status, Some(StepStatus::Completed));
        let named = first.series.as_ref().unwrap();
        assert_eq!(named.len(), 2);
        assert_eq!(named[0].images[1].sop_instance.as_str(), "1.2.7.2");
        server.expect_alive().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pynetdicom_is_told_what_is_wrong() {
    let server = server().await;
    let steps = [
        json!({"create": "1.2.9.1", "without": ["PerformedProcedureStepStatus"]}),
        json!({"create": "1.2.9.1", "without": ["Modality"]}),
        json!({"create": "1.2.9.1", "with": {"PerformedProcedureStepID": ""}}),
        json!({"create": "1.2.9.1", "with": {"PerformedProcedureStepStatus": "COMPLETED"}}),
        json!({"set": "1.2.9.1", "status": "COMPLETED"}),
        json!({"create": "1.2.9.1"}),
        json!({"set": "1.2.9.1", "status": "DONE"}),
        json!({"set": "1.2.9.1", "status": "IN PROGRESS"}),
    ];
    let Some(heard) = answers(&server, "explicit", &steps).await else { return };
    let statuses: Vec<_> = heard.iter().map(|it| it["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [0x0120, 0x0120, 0x0121, 0x0106, 0x0112, 0, 0x0106, 0]);
}

const STEPS: u8 = 5;

/// An N-CREATE (0140H) or N-SET (0120H).
fn command(field: u16, message_id: u16, class: &str, instance: &str, data_set: u16) -> Vec<u8> {
    let element = |number: u16, value: &[u8]| {
        let odd = value.len() % 2;
        let length = u32::try_from(value.len() + odd).unwrap();
        let head = [&[0, 0][..], &number.to_le_bytes(), &length.to_le_bytes()].concat();
        [head, value.to_vec(), vec![0; odd]].concat()
    };
    let is_set = field == 0x0120;
    [
        element(if is_set { 0x0003 } else { 0x0002 }, class.as_bytes()),
        element(0x0100, &field.to_le_bytes()),
        element(0x0110, &message_id.to_le_bytes()),
        element(0x0800, &data_set.to_le_bytes()),
        element(if is_set { 0x1001 } else { 0x1000 }, instance.as_bytes()),
    ]
    .concat()
}

async fn associated(server: &Server) -> RawPeer {
    let mut peer = RawPeer::connect(server).await;
    let mut associate = request("CT1", "PAROTIDD");
    associate.presentation_contexts[2].abstract_syntax = mpps::SOP_CLASS.to_owned();
    peer.send(&associate.into()).await;
    assert!(matches!(peer.receive().await, Pdu::AssociationAC(_)));
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_make_no_sense_are_answered_and_the_association_goes_on() {
    let server = server().await;
    let mut peer = associated(&server).await;
    let none = b"no data set at all";
    // Half a million open sequences, and one element that says it has 4 GB.
    let deep = [0x40, 0, 0x40, 0x03, 255, 255, 255, 255, 0xFE, 0xFF, 0, 0xE0, 255, 255, 255, 255];
    let deep: Vec<u8> = deep.iter().copied().cycle().take(16 * 500).collect();
    let long = [0x40, 0, 0x52, 0x02, 0xFE, 0xFF, 0xFF, 0xFF, b'I', b'N'];
    let mut message_id = 0;
    for (field, context, class, instance, data, status) in [
        (0x0140, STEPS, mpps::SOP_CLASS, "1.2.9.1", &none[..], 0x0110),
        (0x0140, STEPS, mpps::SOP_CLASS, "1.2.9.1", &deep, 0x0110),
        (0x0140, STEPS, mpps::SOP_CLASS, "1.2.9.1", &long, 0x0110),
        (0x0140, STEPS, mpps::SOP_CLASS, "1.2.9.1", &[], 0x0120),
        (0x0140, STEPS, mpps::SOP_CLASS, "../../etc", &none[..], 0x0117),
        (0x0140, STEPS, "1.2.3", "1.2.9.1", &none[..], 0x0118),
        (0x0140, CT, mpps::SOP_CLASS, "1.2.9.1", &none[..], 0x0118),
        (0x0120, STEPS, mpps::SOP_CLASS, "1.2.9.1", &none[..], 0x0110),
        (0x0120, STEPS, mpps::SOP_CLASS, "1.2.9.1", &deep, 0x0110),
        (0x0120, STEPS, mpps::SOP_CLASS, "", &none[..], 0x0117),
        (0x0120, STEPS, uids::CT_IMAGE_STORAGE, "1.2.9.1", &none[..], 0x0118),
        (0x0120, CT, mpps::SOP_CLASS, "1.2.9.1", &none[..], 0x0118),
    ] {
        message_id += 1;
        peer.send_command(context, &command(field, message_id, class, instance, 1)).await;
        peer.send_data(context, true, data).await;
        let status = StoreStatus::from_code(status);
        peer.expect_response(field | 0x8000, message_id, status).await;
    }
    // Without a data set an N-CREATE lacks its attributes, and an N-SET a parameter.
    for (field, status) in [(0x0140, 0x0120), (0x0120, 0x0212)] {
        let without = command(field, 90, mpps::SOP_CLASS, "1.2.9.1", 0x0101);
        peer.send_command(STEPS, &without).await;
        peer.expect_response(field | 0x8000, 90, StoreStatus::from_code(status)).await;
    }
    assert!(server.records.steps.lock().unwrap().is_empty());
    // One that is too long is no longer a matter of statuses.
    peer.send_command(STEPS, &command(0x0140, 91, mpps::SOP_CLASS, "1.2.9.1", 1)).await;
    for _ in 0..=limits::MESSAGE_BYTES_MAX / 100_000 {
        peer.send_data(STEPS, false, &[0; 100_000]).await;
    }
    peer.expect_abort().await;
    server.expect_alive().await;
}
