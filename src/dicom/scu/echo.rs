//! Verification SCU (PS3.4 annex A): is the peer there, and does it know us?

use dicom_dictionary_std::uids;
use tokio::net::ToSocketAddrs;

use super::association::Association;
use super::{ScuError, ScuOptions};
use crate::dicom::dimse;

/// Asks the peer whether it is there and knows us.
///
/// # Errors
/// When it is not, or does not: see [`ScuError`].
pub async fn echo(address: impl ToSocketAddrs, options: &ScuOptions) -> Result<(), ScuError> {
    let kind = (uids::VERIFICATION.to_owned(), uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned());
    let kinds = [kind];
    let mut association = Association::request(address, options, &kinds).await?;
    let echoed = match association.context(&kinds[0]) {
        Some(context) => ask(&mut association, context).await,
        None => Err(ScuError::NoService("Verification")),
    };
    association.end(echoed).await
}

async fn ask(association: &mut Association, context: u8) -> Result<(), ScuError> {
    const MESSAGE_ID: u16 = 1;
    association.send_command(context, &dimse::echo_request(MESSAGE_ID)).await?;
    association.answer(MESSAGE_ID).await?;
    Ok(())
}
