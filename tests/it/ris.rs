//! DCMTK's worklist server with entries of ours: `wlmscpfs` serves a folder of files.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// The server, under the AE title RIS. It ends with the test.
pub(crate) struct Ris {
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Drop for Ris {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One entry, in the words of `dump2dcm`.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) study: String,
    pub(crate) accession: String,
    pub(crate) patient_id: String,
    pub(crate) procedure_id: String,
    /// `YYYYMMDD`.
    pub(crate) date: String,
}

impl Entry {
    fn dump(&self) -> String {
        let Self { study, accession, patient_id, procedure_id, date } = self;
        format!(
            "(0008,0005) CS [ISO_IR 192]\n(0008,0050) SH [{accession}]\n\
             (0008,0090) PN [Smith^Jane=山田^太郎]\n(0010,0010) PN [Patient^Ordered]\n\
             (0010,0020) LO [{patient_id}]\n(0010,0030) DA [19500401]\n(0010,0040) CS [F]\n\
             (0020,000d) UI [{study}]\n(0032,1032) PN [Smith^Jane]\n(0032,1060) LO [CT Hals]\n\
             (0040,0100) SQ\n(fffe,e000) -\n(0008,0060) CS [CT]\n(0040,0001) AE [CT1]\n\
             (0040,0002) DA [{date}]\n(0040,0003) TM [090000]\n(0040,0006) PN [Doe^Tech]\n\
             (0040,0007) LO [Neck with contrast]\n(0040,0009) SH [S-{procedure_id}]\n\
             (0040,0010) SH [CT1]\n(fffe,e00d) -\n(fffe,e0dd) -\n\
             (0040,1001) SH [{procedure_id}]\n(0040,1003) SH [LOW]\n"
        )
    }
}

impl Ris {
    /// With these entries; `None` where DCMTK is not installed.
    pub(crate) fn start(entries: &[Entry]) -> Option<Self> {
        let folder = Self::folder()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("wlmscpfs");
        // Characters as they are in the files.
        command.args(["-csk", "-dfp"]).arg(folder.path()).arg(port.to_string());
        let process = command.stdin(Stdio::null()).env("TCP_NODELAY", "1").spawn().unwrap();
        let ris = Self { process, port, folder };
        for entry in entries {
            ris.add(entry);
        }
        ris.wait();
        Some(ris)
    }

    /// With DCMTK's own examples; `None` where those or DCMTK are not there.
    pub(crate) fn with_examples() -> Option<Self> {
        let examples = Path::new("../shared/data/ref/dcmtk_wlist/dcmwlm/data/wlistdb/OFFIS");
        if !examples.is_dir() {
            eprintln!("skipped: {} is not there", examples.display());
            return None;
        }
        let ris = Self::start(&[])?;
        for n in 1..=10 {
            ris.convert(&examples.join(format!("wklist{n}.dump")), &format!("example-{n}"));
        }
        Some(ris)
    }

    /// Another entry, from now on.
    pub(crate) fn add(&self, entry: &Entry) {
        let dump = self.folder.path().join("entry.dump");
        fs::write(&dump, entry.dump()).unwrap();
        self.convert(&dump, &entry.procedure_id);
    }

    fn folder() -> Option<TempDir> {
        for program in ["wlmscpfs", "dump2dcm"] {
            if Command::new(program).arg("--version").output().is_err() {
                eprintln!("skipped: {program} (DCMTK) is not installed");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("RIS")).unwrap();
        fs::write(folder.path().join("RIS/lockfile"), "").unwrap();
        Some(folder)
    }

    fn convert(&self, dump: &Path, name: &str) {
        // Under its last name at once, so that no half of it is ever served.
        let made: PathBuf = self.folder.path().join("entry.dcm");
        let output = Command::new("dump2dcm").arg("-g").arg(dump).arg(&made).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::rename(made, self.folder.path().join(format!("RIS/{name}.wl"))).unwrap();
    }

    fn wait(&self) {
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("wlmscpfs does not listen");
    }

    /// The settings that name it.
    pub(crate) fn settings(&self) -> String {
        format!(
            "[worklist]\naddress = \"127.0.0.1:{}\"\ncalled_ae_title = \"RIS\"\nevery_s = 3600\n\
             station_ae_titles = [\"CT1\"]\n",
            self.port
        )
    }
}
