//! Reports on storage commitment over an association that the peer opens.

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{Pdu, RequestorRoles, UserVariableItem};
use parotidd::dicom::commitment::{CommitmentRequest, WELL_KNOWN_INSTANCE};
use parotidd::dicom::dimse::{self, StoreStatus};
use parotidd::dicom::reference::Reference;
use parotidd::dicom::scu;

use super::support::*;

const CLASS: &str = uids::STORAGE_COMMITMENT_PUSH_MODEL;
const COMMITMENT: u8 = 5;

/// All of one instance.
fn request_of(transaction: &str) -> CommitmentRequest {
    let reference =
        Reference { sop_class: "1.1".parse().unwrap(), sop_instance: "1.2.1".parse().unwrap() };
    CommitmentRequest { transaction: transaction.to_owned(), references: vec![reference] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_in_its_role_is_heard_where_it_was_asked() {
    let server = Server::start().await;
    let mut peer = RawPeer::connect(&server).await;
    let mut associate = request("CT1", "PAROTIDD");
    associate.presentation_contexts[2].abstract_syntax = CLASS.to_owned();
    let roles = RequestorRoles { scu: false, scp: true };
    let roles = UserVariableItem::ScuScpRoleSelectionSubItem(CLASS.to_owned(), roles);
    associate.user_variables.push(roles.clone());
    peer.send(&associate.into()).await;
    let Pdu::AssociationAC(accept) = peer.receive().await else { panic!("not accepted") };
    assert!(accept.user_variables.contains(&roles), "{:?}", accept.user_variables);

    let syntax = uids::IMPLICIT_VR_LITTLE_ENDIAN.parse().unwrap();
    // A report that commits everything has the same attributes as a request.
    let report = |transaction| request_of(transaction).encode(&syntax).unwrap();
    for (n, (class, instance, event_type, context, data, status)) in [
        (CLASS, WELL_KNOWN_INSTANCE, 1, COMMITMENT, report("2.25.404"), 0x0115),
        (CLASS, WELL_KNOWN_INSTANCE, 1, COMMITMENT, b"nothing".to_vec(), 0x0115),
        (CLASS, WELL_KNOWN_INSTANCE, 3, COMMITMENT, report(ASKED), 0x0113),
        (CLASS, "1.2.3", 1, COMMITMENT, report(ASKED), 0x0112),
        (CLASS, WELL_KNOWN_INSTANCE, 1, CT, report(ASKED), 0x0118),
        (uids::CT_IMAGE_STORAGE, WELL_KNOWN_INSTANCE, 1, COMMITMENT, report(ASKED), 0x0118),
        (CLASS, WELL_KNOWN_INSTANCE, 2, COMMITMENT, report(ASKED), 0x0000),
    ]
    .into_iter()
    .enumerate()
    {
        let message_id = u16::try_from(n).unwrap() + 1;
        let command = dimse::event_report_request(message_id, class, instance, event_type);
        peer.send_command(context, &command).await;
        peer.send_data(context, true, &data).await;
        peer.expect_response(0x8100, message_id, StoreStatus::from_code(status)).await;
    }
    let reported = server.records.reported.lock().unwrap().clone();
    let [(peer, outcome)] = &reported[..] else { panic!("{reported:?}") };
    assert_eq!((peer.as_str(), outcome.transaction.as_str()), ("CT1", ASKED));
    assert_eq!(outcome.of(&request_of(ASKED).references[0]), Ok(()));
    server.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_scu_asks_our_scp() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = write_file(folder.path(), "1.2.1", 5_000);
    scu::store::send(server.address, &scu("CT1"), &[file]).await.unwrap();
    let mut wanted = request_of(ASKED);
    let class = uids::CT_IMAGE_STORAGE.parse().unwrap();
    wanted.references[0].sop_class = class;
    let mut heard = Vec::new();
    let hear = |outcome| {
        heard.push(outcome);
        true
    };
    let asked = scu::commitment::ask(server.address, &scu("CT1"), &wanted, hear).await;
    assert_eq!(asked.unwrap(), StoreStatus::Success);
    let [outcome] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(outcome.transaction, ASKED);
    assert_eq!(outcome.of(&wanted.references[0]), Ok(()));
    // The association was released with the report answered.
    assert!(server.records.unheard.lock().unwrap().is_empty());
}
