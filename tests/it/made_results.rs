//! Results without images and networks: rows, and small DICOM objects that differ by their UIDs alone.

use std::path::Path;
use std::sync::Arc;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use parotidd::db::results::{self, Committed, JobEnd};
use parotidd::db::{Db, instances, jobs};
use parotidd::delivery::ResultFiles;
use parotidd::delivery::routing::{self, About, Rules};
use parotidd::dicom::received::ReceivedInstance;
use parotidd::dicom::series_hints::SeriesHints;
use parotidd::intake::completeness::CompleteBy;
use parotidd::screening::report::ScreeningReport;

/// Writes object `n` into a folder.
fn object(folder: &Path, n: u32) {
    let mut object = InMemDicomObject::new_empty();
    let instance = format!("1.2.{n}.9");
    let mut put =
        |tag, vr, value: &str| object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    put(tags::SOP_CLASS_UID, VR::UI, uids::COMPREHENSIVE3_DSR_STORAGE);
    put(tags::SOP_INSTANCE_UID, VR::UI, &instance);
    put(tags::STUDY_INSTANCE_UID, VR::UI, &format!("1.2.{n}"));
    put(tags::SERIES_INSTANCE_UID, VR::UI, &format!("1.2.{n}.8"));
    put(tags::PATIENT_ID, VR::LO, "X");
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(uids::COMPREHENSIVE3_DSR_STORAGE)
        .media_storage_sop_instance_uid(&instance);
    let file = object.with_meta(meta).unwrap();
    file.write_to_file(folder.join(format!("{n}.dcm"))).unwrap();
}

/// An answer about series `1.2.<n>.1`.
pub(crate) fn report(n: u32) -> ScreeningReport {
    let model = serde_json::json!({ "name": "m", "version": "1", "sha256": "0" });
    let gland = |side: &str, decision: &str| {
        serde_json::json!({
            "side": side, "state": "assessed", "reason": null, "center_mm": [0.0, 0.0, 0.0],
            "heatmap_peak": 0.9, "decision": decision, "score": 0.5,
        })
    };
    serde_json::from_value(serde_json::json!({
        "schema": "parotidd.report/1", "software_version": "0.1.0",
        "notice": "not for diagnostic use", "study_instance_uid": format!("1.2.{n}"),
        "series_instance_uid": format!("1.2.{n}.1"), "accession_number": format!("A{n}"),
        "models": {
            "localizer": model, "segmenter": model,
            "decision": { "version": "1", "rule": "size", "gamma": 5.0, "tumor_voxels_min": 500 },
        },
        "decision": "flagged", "reason": null, "score": 0.5,
        "glands": [gland("right", "not_flagged"), gland("left", "flagged")], "candidates": [],
        "timing_ms": {
            "load": 0, "resample": 0, "localize": 0, "segment": 0, "decide": 0, "total": 0
        },
    }))
    .unwrap()
}

/// Screens series `n`, as the worker would; says how many deliveries that makes. Its object lies in `folder`.
pub(crate) async fn answer(db: &Db, now: i64, rules: &Arc<Rules>, folder: &Path, n: u32) -> usize {
    let instance = ReceivedInstance {
        sop_instance: format!("1.2.{n}.1.1").parse().unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
        series: format!("1.2.{n}.1").parse().unwrap(),
        study: format!("1.2.{n}").parse().unwrap(),
        transfer_syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
        calling_ae: "CT1".parse().unwrap(),
        path: format!("{n}.dcm").into(),
        bytes: 1,
        received_unix_ms: now,
        hints: SeriesHints::default(),
    };
    let series = instance.series.clone();
    db.call(instances::record(instance)).await.unwrap();
    db.call(jobs::enqueue(series, "m".into(), CompleteBy::Quiet, now)).await.unwrap();
    let job = db.call(jobs::claim()).await.unwrap().unwrap();
    object(folder, n);
    let files = ResultFiles::new(".".into(), vec![format!("{n}.dcm")]);
    let about = About { files: Some(files), ..About::default() };
    let route = routing::router(Arc::clone(rules), about);
    let moment = rules.policy.moment(now);
    let commit = results::commit(job.id, JobEnd::Done, report(n), moment, route);
    match db.call(commit).await.unwrap() {
        Committed::Stored { n_deliveries, .. } => n_deliveries,
        Committed::NotRunning => panic!("the job is running"),
    }
}
