//! The program as a process of its own, peers that speak with it, and the series they send.

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::open_file;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parotidd::dicom::part10::FileMeta;
use parotidd::dicom::uid::derived_uid;
use tempfile::TempDir;

/// How long something may take that will come: a busy machine, a build without optimization.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until `look` finds something.
pub(super) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    wait_or(|| panic!("waited in vain for {what}"), &mut look)
}

fn wait_or<T>(give_up: impl FnOnce() -> T, look: &mut impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() >= deadline {
            return give_up();
        }
        sleep(LOOK);
    }
}

/// A process that ends with the test.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn new(child: Child) -> Self {
        Self(child)
    }

    /// Waits for its end.
    pub(super) fn end(&mut self) -> ExitStatus {
        wait_for("the end of a process", || self.0.try_wait().unwrap())
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program with these arguments, away from the environment of the tests.
pub(super) fn parotidd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parotidd"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["RUST_LOG", "STATE_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        command.env_remove(variable);
    }
    command
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }
}

/// Runs the program to its end.
pub(super) fn run(arguments: &[&str]) -> Ended {
    let mut command = parotidd(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    // Both are read at once: neither may fill up while the other is waited for.
    let mut pipes = (process.0.stdout.take().unwrap(), process.0.stderr.take().unwrap());
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipes.1.read_to_end(&mut bytes).map(|_| bytes).unwrap()
    });
    let mut stdout = Vec::new();
    pipes.0.read_to_end(&mut stdout).unwrap();
    let stderr = errors.join().unwrap();
    Output { status: process.end(), stdout, stderr }.into()
}

/// A daemon's folder and settings, from one start to the next.
pub(super) struct Site {
    folder: TempDir,
}

impl Site {
    /// Settings are added to those that every test needs.
    pub(super) fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder };
        let data_dir = site.data_dir();
        fs::write(
            site.config(),
            format!("data_dir = {data_dir:?}\nspool.prepared_files = 8\n{settings}"),
        )
        .unwrap();
        site
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("parotidd.toml")
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What all its daemons have said.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Starts a daemon and does not wait until it is up.
    pub(super) fn spawn(&self) -> Daemon<'_> {
        let mut command = parotidd(&["run", "--config", self.config().to_str().unwrap()]);
        command.stdout(Stdio::null());
        self.spawn_by(command)
    }

    /// Starts a daemon by a command that becomes one.
    pub(super) fn spawn_by(&self, mut command: Command) -> Daemon<'_> {
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let log_start = usize::try_from(log.metadata().unwrap().len()).unwrap();
        // All that it could say, so that a test sees what must not be said.
        command.env("RUST_LOG", "info,parotidd=trace");
        let child = command.stderr(log).spawn().unwrap();
        Daemon { site: self, process: Process(child), log_start }
    }

    /// What the database holds, beside a running daemon.
    pub(super) fn summary(&self) -> parotidd::db::summary::Summary {
        parotidd::db::summary::read(&self.data_dir().join("parotidd.db")).unwrap()
    }

    /// Starts a daemon and waits until it listens.
    pub(super) fn start(&self) -> Daemon<'_> {
        let mut daemon = self.spawn();
        daemon.wait_for_log("listening");
        daemon
    }
}

/// A running daemon.
pub(super) struct Daemon<'a> {
    site: &'a Site,
    process: Process,
    /// Where its part of the log begins.
    log_start: usize,
}

impl Daemon<'_> {
    /// What this one has said.
    pub(super) fn log(&self) -> String {
        self.site.log()[self.log_start..].to_owned()
    }

    /// The first line of this one with these words.
    pub(super) fn wait_for_log(&mut self, words: &str) -> String {
        let (site, log_start) = (self.site, self.log_start);
        let log = || site.log()[log_start..].to_owned();
        let give_up = || panic!("waited in vain for {words:?}:\n{}", log());
        wait_or(give_up, &mut || {
            let has_ended = self.process.has_ended();
            let log = log();
            let line = log.lines().find(|line| line.contains(words));
            assert!(line.is_some() || !has_ended, "ended without {words:?}:\n{log}");
            line.map(str::to_owned)
        })
    }

    pub(super) fn address(&mut self) -> SocketAddr {
        let line = self.wait_for_log("listening");
        line.rsplit_once("address=").unwrap().1.trim().parse().unwrap()
    }

    pub(super) fn tls_address(&mut self) -> SocketAddr {
        let line = self.wait_for_log("listening with TLS");
        line.rsplit_once("address=").unwrap().1.trim().parse().unwrap()
    }

    /// Open descriptors of the process.
    pub(super) fn n_descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.0.id())).unwrap().count()
    }

    /// Asks it to stop and waits for its end.
    pub(super) fn terminate(mut self) -> ExitStatus {
        kill(Pid::from_raw(self.process.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.process.end()
    }

    /// Ends it as a power cut would, except for what the disk holds back.
    pub(super) fn kill_9(mut self) {
        assert!(!self.process.has_ended(), "ended by itself:\n{}", self.log());
        self.process.0.kill().unwrap();
        self.process.end();
    }
}

/// A series as files, in the order in which they are sent.
pub(super) struct Series {
    pub(super) uid: String,
    pub(super) files: Vec<PathBuf>,
}

impl Series {
    /// The CT images of a folder.
    pub(super) fn open(folder: &Path) -> Self {
        let mut files: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("IM"));
        files.sort();
        let first = open_file(&files[0]).unwrap();
        let uid = first.element(tags::SERIES_INSTANCE_UID).unwrap().to_str().unwrap();
        Self { uid: uid.trim_end_matches('\0').to_owned(), files }
    }

    /// The same pictures as another series, in another folder.
    pub(super) fn copy(&self, name: &str, folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        for file in &self.files {
            let mut object = open_file(file).unwrap();
            let mut rename = |tag| {
                let old = object.element(tag).unwrap().to_str().unwrap().into_owned();
                let new = derived_uid(&[&old, name]);
                object.put(DataElement::new(tag, VR::UI, PrimitiveValue::from(new.as_str())));
                new
            };
            rename(tags::SERIES_INSTANCE_UID);
            let instance = rename(tags::SOP_INSTANCE_UID);
            object.update_meta(|meta| meta.media_storage_sop_instance_uid = instance);
            object.write_to_file(folder.join(file.file_name().unwrap())).unwrap();
        }
        Self::open(folder)
    }
}

/// SOP Instance UID, and the data set's bytes, of a Part 10 file.
pub(super) fn data_set(path: &Path) -> (String, Vec<u8>) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (meta, start) = FileMeta::read(Cursor::new(&bytes)).unwrap();
    (meta.sop_instance.to_string(), bytes[usize::try_from(start).unwrap()..].to_vec())
}

/// Two patients, made once for all tests that run at the same time.
pub(super) struct Phantoms {
    folder: TempDir,
    /// Seed 7, with a mass on the left.
    pub(super) seven: Series,
    /// Small and coarse.
    pub(super) small: Series,
}

impl Phantoms {
    pub(super) fn get() -> Arc<Self> {
        // Weak, so that the files go with the last test that uses them.
        static SHARED: Mutex<Weak<Phantoms>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(phantoms) = shared.upgrade() {
            return phantoms;
        }
        let phantoms = Arc::new(Self::make());
        *shared = Arc::downgrade(&phantoms);
        phantoms
    }

    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let phantom = |name: &str, arguments: &str| {
            let out = folder.path().join(name);
            let mut all: Vec<_> = ["phantom", "--out", out.to_str().unwrap()].into();
            all.extend(arguments.split(' '));
            let ended = run(&all);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
            Series::open(&out)
        };
        let seven = phantom("seven", "--seed 7 --tumor left --matrix 192 --slices 60");
        let small = phantom("small", "--seed 8 --matrix 96 --spacing 5 --slices 30");
        Self { folder, seven, small }
    }

    /// The folder of a series, its truth beside it.
    pub(super) fn folder_of(&self, series: &Series) -> PathBuf {
        let folder = series.files[0].parent().unwrap();
        assert!(folder.starts_with(self.folder.path()));
        folder.to_owned()
    }
}

/// Whether DCMTK's program is there; says so where it is not.
pub(super) fn has_dcmtk(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} (DCMTK) is not installed");
    }
    found
}

/// DCMTK's program, to this address.
pub(super) fn dcmtk(program: &str, calling: &str, address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    // Without this, Nagle's algorithm costs 40 ms a message.
    command.env("TCP_NODELAY", "1").args(["-v", "-to", "60", "-ta", "120", "-td", "120"]);
    command.args(["-aet", calling, "-aec", "PAROTIDD"]);
    command.args([address.ip().to_string(), address.port().to_string()]);
    command
}

/// `echoscu` under a name.
pub(super) fn echo(calling: &str, address: SocketAddr) -> Ended {
    dcmtk("echoscu", calling, address).output().unwrap().into()
}

/// `storescu`, under way.
pub(super) struct Sending {
    process: Process,
    log: PathBuf,
    _folder: TempDir,
}

impl Sending {
    pub(super) fn start(series: &Series, address: SocketAddr) -> Self {
        Self::start_with(series, address, &[])
    }

    /// With options of `storescu`.
    pub(super) fn start_with(series: &Series, address: SocketAddr, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("storescu.log");
        let file = File::create(&log).unwrap();
        let mut command = dcmtk("storescu", "CT1", address);
        command.args(options).args(&series.files).stdin(Stdio::null());
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Self { process: Process(child), log, _folder: folder }
    }

    /// The files that were answered `Success` so far.
    pub(super) fn stored(&self) -> Vec<PathBuf> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let mut current = None;
        let mut stored = Vec::new();
        for line in log.lines() {
            if let Some(path) = line.strip_prefix("I: Sending file: ") {
                current = Some(PathBuf::from(path));
            } else if line == "I: Received Store Response (Success)" {
                stored.extend(current.take());
            }
        }
        stored
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Waits for its end; says which files were answered `Success`.
    pub(super) fn end(mut self) -> (bool, Vec<PathBuf>) {
        let status = self.process.end();
        (status.success(), self.stored())
    }
}

/// Sends a series whole.
pub(super) fn store(series: &Series, address: SocketAddr) {
    let (is_well, stored) = Sending::start(series, address).end();
    assert!(is_well);
    assert_eq!(stored, series.files);
}
