//! The conformance statement says what the program does: its tables are made from the same constants.
//!
//! `UPDATE_DOCS=1 cargo test conformance` writes them.

use std::fmt::Write;
use std::fs;

use dicom_dictionary_std::uids;
use parotidd::dicom::commitment::{self, Failure};
use parotidd::dicom::dimse::StoreStatus;
use parotidd::dicom::part10::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use parotidd::dicom::result_objects;
use parotidd::dicom::store_scp::{Rejection, SERVICE_SOP_CLASSES, STORAGE_SOP_CLASSES};
use parotidd::dicom::transfer_syntax::TRANSFER_SYNTAXES;
use parotidd::dicom::worklist;
use parotidd::limits;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conformance.md");

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        writeln!(out, "| {} |", row.join(" | ")).unwrap();
    }
    out
}

/// Names of PS3.6 annex A.
fn name_of(uid: &str) -> &'static str {
    match uid {
        uids::CT_IMAGE_STORAGE => "CT Image Storage",
        uids::ENHANCED_CT_IMAGE_STORAGE => "Enhanced CT Image Storage",
        uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE => {
            "Legacy Converted Enhanced CT Image Storage"
        }
        uids::VERIFICATION => "Verification",
        uids::STORAGE_COMMITMENT_PUSH_MODEL => "Storage Commitment Push Model",
        uids::MODALITY_PERFORMED_PROCEDURE_STEP => "Modality Performed Procedure Step",
        uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND => {
            "Modality Worklist Information Model - FIND"
        }
        uids::SEGMENTATION_STORAGE => "Segmentation Storage",
        uids::COMPREHENSIVE3_DSR_STORAGE => "Comprehensive 3D SR Storage",
        uids::SECONDARY_CAPTURE_IMAGE_STORAGE => "Secondary Capture Image Storage",
        uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE => {
            "Grayscale Softcopy Presentation State Storage"
        }
        uids::ENCAPSULATED_PDF_STORAGE => "Encapsulated PDF Storage",
        other => panic!("{other} has no name here"),
    }
}

fn sop_classes() -> String {
    // Asked of archives and of any peer as well.
    let asked = [commitment::SOP_CLASS, uids::VERIFICATION];
    let scu = |uid| if asked.contains(&uid) { "yes" } else { "no" };
    let scp = STORAGE_SOP_CLASSES.iter().chain(&SERVICE_SOP_CLASSES);
    let scp = scp.map(|uid| (*uid, scu(*uid), "yes"));
    let scu = result_objects::SOP_CLASSES.into_iter().chain([worklist::SOP_CLASS]);
    let scu = scu.map(|uid| (uid, "yes", "no"));
    let rows = scp.chain(scu).map(|(uid, scu, scp)| {
        vec![name_of(uid).to_owned(), uid.to_owned(), scu.to_owned(), scp.to_owned()]
    });
    table(&["SOP class", "UID", "SCU", "SCP"], rows)
}

fn transfer_syntaxes() -> String {
    let rows = TRANSFER_SYNTAXES.map(|syntax| {
        let result = if syntax.is_lossy { "warning `lossy_compression`" } else { "" };
        vec![syntax.name.to_owned(), syntax.uid.to_owned(), result.to_owned()]
    });
    table(&["Transfer syntax of images, first the preferred", "UID", "Result has"], rows)
}

fn store_status() -> String {
    let meaning = |status| match status {
        StoreStatus::Success => "durable on disk",
        StoreStatus::InvalidSopInstance => "the SOP Instance UID is no UID",
        StoreStatus::SopClassNotSupported => "not this SOP class, or not on this context",
        StoreStatus::UnrecognizedOperation => "no such operation",
        StoreStatus::MistypedArgument => "no data set",
        StoreStatus::OutOfResources => {
            "no room, disk in the way, or larger than the largest instance"
        }
        StoreStatus::DataSetDoesNotMatchSopClass => "class or instance differ in the data set",
        StoreStatus::CannotUnderstand => "the data set or its UIDs can't be read",
        StoreStatus::Other(code) => panic!("{code:04X}"),
    };
    let rows = StoreStatus::KNOWN.map(|status| {
        let again = if status.is_transient() { "yes" } else { "no" };
        let again = if status == StoreStatus::Success { "" } else { again };
        vec![format!("{:04X}H", status.code()), meaning(status).to_owned(), again.to_owned()]
    });
    table(&["Status", "Meaning", "Send again"], rows)
}

fn commitment() -> String {
    let meaning = |failure| match failure {
        Failure::Processing => "could not be looked for",
        Failure::NoSuchObject => "is not here",
        Failure::ClassInstanceConflict => "is here as another class",
    };
    let rows = Failure::ALL.map(|it| vec![format!("{:04X}H", it.code()), meaning(it).to_owned()]);
    table(&["Failure Reason (0008,1197)", "Meaning"], rows)
}

fn association() -> String {
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    table(
        &["What", "Value"],
        [
            row("Application context", "1.2.840.10008.3.1.1.1".to_owned()),
            row("Implementation Class UID", IMPLEMENTATION_CLASS_UID.to_owned()),
            row("Implementation Version Name", IMPLEMENTATION_VERSION_NAME.to_owned()),
            row("Maximum PDU length", limits::PDU_BYTES_MAX.to_string()),
            row(
                "Associations at once",
                format!("`dicom.associations_max`, at most {}", limits::ASSOCIATIONS_MAX),
            ),
            row("From connection to request (ARTIM)", format!("{} s", limits::ARTIM.as_secs())),
            row("Silence within an association", "`dicom.idle_timeout_s`".to_owned()),
            row("Largest instance", format!("{} MiB", limits::INSTANCE_BYTES_MAX >> 20)),
            row("Asynchronous operations", "none: one at a time".to_owned()),
        ],
    )
}

fn rejections() -> String {
    let rows = Rejection::ALL.map(|it| {
        let [result, source, reason] = it.codes().unwrap();
        vec![it.to_string(), format!("{result}, {source}, {reason}")]
    });
    table(&["An association is rejected for", "Result, source, reason (PS3.8 table 9-21)"], rows)
}

#[test]
fn the_conformance_statement_is_what_the_program_does() {
    let before = fs::read_to_string(PATH).unwrap();
    let mut after = before.clone();
    let tables = [
        ("sop_classes", sop_classes()),
        ("transfer_syntaxes", transfer_syntaxes()),
        ("store_status", store_status()),
        ("commitment", commitment()),
        ("association", association()),
        ("rejections", rejections()),
    ];
    assert_eq!(before.matches("<!-- made: ").count(), tables.len());
    for (name, made) in tables {
        let start = format!("<!-- made: {name} -->\n");
        let (head, rest) = after.split_once(&start).unwrap_or_else(|| panic!("no table {name}"));
        let (_, tail) = rest.split_once("<!-- end -->").unwrap();
        after = format!("{head}{start}{made}<!-- end -->{tail}");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PATH, &after).unwrap();
        return;
    }
    assert_eq!(before, after, "run it with UPDATE_DOCS=1");
}
