//! Reports on storage commitment over an association of our own (PS3.4 J.3.3): the one that asked is gone.
//!
//! We are the SCP of the service all the same, and say so by role selection (PS3.7 D.3.3.4).

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{RequestorRoles, UserVariableItem};
use tokio::net::ToSocketAddrs;

use super::association::Association;
use super::{ScuError, ScuOptions};
use crate::dicom::commitment::{CommitmentReport, WELL_KNOWN_INSTANCE};
use crate::dicom::dimse::{self, StoreStatus};

const SOP_CLASS: &str = uids::STORAGE_COMMITMENT_PUSH_MODEL;
const MESSAGE_ID: u16 = 1;

/// Sends a report; the status is the peer's answer to it.
///
/// # Errors
/// When it did not arrive: see [`ScuError`].
pub async fn report(
    address: impl ToSocketAddrs,
    options: &ScuOptions,
    report: &CommitmentReport,
) -> Result<StoreStatus, ScuError> {
    let kinds = [(SOP_CLASS.to_owned(), report.transfer_syntax.to_string())];
    let roles = RequestorRoles { scu: false, scp: true };
    let roles = UserVariableItem::ScuScpRoleSelectionSubItem(SOP_CLASS.to_owned(), roles);
    let mut association = Association::request_as(address, options, &kinds, vec![roles]).await?;
    let told = match association.context(&kinds[0]) {
        Some(context) => tell(&mut association, context, report).await,
        None => Err(ScuError::NoService("Storage Commitment")),
    };
    association.end(told).await
}

async fn tell(
    association: &mut Association,
    context: u8,
    report: &CommitmentReport,
) -> Result<StoreStatus, ScuError> {
    let command =
        dimse::event_report_request(MESSAGE_ID, SOP_CLASS, WELL_KNOWN_INSTANCE, report.event_type);
    association.send_command(context, &command).await?;
    association.send_data_set(context, &report.data_set).await?;
    Ok(association.answer(MESSAGE_ID).await?.status)
}
