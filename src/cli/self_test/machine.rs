//! The machine's part: the disk that is used, a database on it, pictures.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use embedded_graphics::geometry::Size;

use super::checks::Found;
use crate::config::Config;
use crate::db::{self, Opened, instances, summary};
use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::display::headless::write_png;
use crate::display::strings::Language;
use crate::display::{render_view, samples};
use crate::intake::spool::{Spool, SpoolOptions};

/// One instance the way a received one goes: written, synced, renamed, read back.
pub(super) fn spool(folder: &Path, instance: &Path) -> Result<Found<ReceivedInstance>> {
    let mut file = File::open(instance)?;
    let (meta, data_set_start) = FileMeta::read(&mut file)?;
    let mut data_set = Vec::new();
    file.seek(SeekFrom::Start(data_set_start))?;
    file.read_to_end(&mut data_set)?;
    let (spool, _) = Spool::open(&SpoolOptions::of(folder, 0))?;
    let spool = Arc::new(spool);
    let mut part = spool.begin(meta)?;
    part.write(&data_set)?;
    let identity = part.identify()?;
    let path = part.commit(&identity.series)?;
    let mut kept = File::open(spool.folder().join(&path))?;
    let (_, data_set_start) = FileMeta::read(&mut kept)?;
    let mut read_back = Vec::new();
    kept.seek(SeekFrom::Start(data_set_start))?;
    kept.read_to_end(&mut read_back)?;
    ensure!(read_back == data_set, "what was written is not what is read");
    let received = spool.read_back(&path, &Config::default().dicom.ae_title)?;
    Ok(Found::with(format!("{} bytes written, synced and read back", data_set.len()), received))
}

/// A row through the thread that writes, and out again.
pub(super) fn database(folder: &Path, received: ReceivedInstance) -> Result<Found<()>> {
    let path = folder.join("parotidd.db");
    let Opened { db, thread, .. } = db::open(&path)?;
    db.call_blocking(instances::record(received))?;
    drop(db);
    thread.join()?;
    let n = summary::read(&path)?.n_instances;
    ensure!(n == 1, "{n} rows where one was written");
    Ok(Found::text("a row written, synced and read back"))
}

/// Every view, in the display's size.
pub(super) fn display(folder: &Path, size: Size) -> Result<Found<()>> {
    let views = samples::views(Language::default());
    for (name, view) in &views {
        let picture = render_view(view, size);
        let path = folder.join(format!("{name}.png"));
        write_png(&picture, &path)?;
    }
    Ok(Found::text(format!("{} views of {}x{} drawn", views.len(), size.width, size.height)))
}
