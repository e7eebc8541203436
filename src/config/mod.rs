//! TOML to a checked [`Config`]; every default is written here.
//!
//! Nothing is bound, opened or created while settings are read. Unknown keys are errors. Files that settings
//! name are opened by who needs them: [`DicomConfig::load_tls`], [`StowConfig::load_token`], [`Config::board`];
//! all of them at once by [`Config::check_files`].

mod display;
mod error;
mod files;
mod listeners;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::display::DisplayConfig;
pub use self::error::ConfigError;
pub use self::listeners::Service;
use crate::appliance::ApplianceSettings;
use crate::console::ConsoleSettings;
use crate::delivery::policy::AlertSettings;
use crate::delivery::{Destination, Kind, destination};
use crate::dicom::scu::PeerAddress;
use crate::dicom::stow::BearerToken;
use crate::dicom::tls::{Tls, TlsSettings};
use crate::dicom::uid::AeTitle;
use crate::inference::InstructionSet;
use crate::intake::series::Waits;
use crate::keeping::RetentionSettings;
use crate::keeping::backup::BackupSettings;
use crate::limits::{
    ASSOCIATIONS_MAX, COMPUTE_THREADS_MAX, HL7_CONNECTIONS_MAX, PEERS_MAX, PREPARED_MAX,
    STOW_REQUESTS_MAX,
};
use crate::review::ReportsSettings;
use crate::system::board::Board;
use crate::system::upkeep::UpkeepSettings;
use crate::worklist::WorklistSettings;

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything is kept: `spool/`, `parotidd.db`, the headless picture.
    pub data_dir: PathBuf,
    /// Folder with the two networks, and their decision.toml; the ones inside the program where it is
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_dir: Option<PathBuf>,
    /// The board's file; the board is recognised where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board_file: Option<PathBuf>,
    /// The DICOM side.
    pub dicom: DicomConfig,
    /// Images over DICOMweb.
    pub stow: StowConfig,
    /// Received instances on disk.
    pub spool: SpoolConfig,
    /// When a series is stable.
    pub series: SeriesConfig,
    /// How long images and results stay.
    pub retention: RetentionSettings,
    /// Where backups go.
    pub backup: BackupSettings,
    /// How the networks run.
    pub inference: InferenceConfig,
    /// The display.
    pub display: DisplayConfig,
    /// Where the orders are; nobody is asked where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worklist: Option<WorklistSettings>,
    /// When people are alerted.
    pub alerts: AlertSettings,
    /// The pages behind links.
    pub console: ConsoleSettings,
    /// Radiologists' reports.
    pub reports: ReportsSettings,
    /// What the box's operating system is told; absent on a machine that is not ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appliance: Option<ApplianceSettings>,
    /// Files by which daemon, updater and self-tests tell each other how they are.
    pub upkeep: UpkeepSettings,
    /// Where results go.
    #[serde(rename = "destination")]
    pub destinations: Vec<Destination>,
}

/// The DICOM side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DicomConfig {
    /// Our name.
    pub ae_title: AeTitle,
    /// Addresses to listen on for plain DICOM; may be empty where TLS listens.
    pub listen: Vec<SocketAddr>,
    /// Who may connect; `["*"]` for anyone.
    pub calling_ae_titles: Vec<AeTitle>,
    /// Associations at once.
    pub associations_max: usize,
    /// Silence within an association before it is aborted, seconds.
    pub idle_timeout_s: u64,
    /// Peers that we may have to call.
    #[serde(rename = "peer")]
    pub peers: Vec<Peer>,
    /// TLS beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
}

/// Where an AE is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name.
    pub ae_title: AeTitle,
    /// Host and port.
    pub address: PeerAddress,
    /// Whether it is spoken to over TLS, with the certificate of `dicom.tls`.
    #[serde(default)]
    pub tls: bool,
}

/// Images over DICOMweb (STOW-RS), beside the DICOM side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StowConfig {
    /// Addresses to listen on; off where there is none.
    pub listen: Vec<SocketAddr>,
    /// What stands before `/studies` in our address.
    pub base_path: String,
    /// A file whose one line is the bearer token that every sender must show. Needed for any address but
    /// loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    /// Requests at once.
    pub requests_max: usize,
}

/// Received instances on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// Files that are kept ready, each as large as the images that came last, so that an instance is durable
    /// sooner: as many as a scanner sends without a break. 0 for none.
    pub prepared_files: usize,
}

/// When a series is stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesConfig {
    /// Stable at the latest when nothing came for so long, seconds.
    pub quiet_s: u64,
    /// The same for a series that seems complete: even slices whose sender has gone, or a sender that wants to be
    /// sure of what it has sent.
    pub settle_s: u64,
}

/// How the networks run. Answers are the same in any way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InferenceConfig {
    /// Cores that compute; 0 for all of the board's.
    pub threads: usize,
    /// Bind each of those threads to a core of its own.
    pub pin: bool,
    /// Instructions to run on; the fastest that the machine has where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction_set: Option<InstructionSet>,
}

impl Default for Config {
    /// Loopback only, data in `$STATE_DIRECTORY` or `./var`.
    fn default() -> Self {
        let state = std::env::var_os("STATE_DIRECTORY").filter(|value| !value.is_empty());
        Self {
            data_dir: state.map_or_else(|| PathBuf::from("var"), PathBuf::from),
            models_dir: None,
            board_file: None,
            dicom: DicomConfig::default(),
            stow: StowConfig::default(),
            spool: SpoolConfig::default(),
            series: SeriesConfig::default(),
            retention: RetentionSettings::default(),
            backup: BackupSettings::default(),
            inference: InferenceConfig::default(),
            display: DisplayConfig::default(),
            worklist: None,
            alerts: AlertSettings::default(),
            console: ConsoleSettings::default(),
            reports: ReportsSettings::default(),
            appliance: None,
            upkeep: UpkeepSettings::default(),
            destinations: Vec::new(),
        }
    }
}

impl Default for DicomConfig {
    fn default() -> Self {
        let title = |text: &str| text.parse().expect("a constant AE title");
        Self {
            ae_title: title("PAROTIDD"),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 11112))],
            calling_ae_titles: vec![title("*")],
            associations_max: 16,
            idle_timeout_s: 30,
            peers: Vec::new(),
            tls: None,
        }
    }
}

impl DicomConfig {
    /// Addresses to listen on with TLS.
    #[must_use]
    pub fn tls_listen(&self) -> &[SocketAddr] {
        self.tls.as_ref().map_or(&[], |tls| &tls.listen)
    }

    /// Certificates and key, where TLS is set; `unix_ms` is now. Says in the log what a person should look
    /// at.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn load_tls(&self, unix_ms: i64) -> Result<Option<Tls>, ConfigError> {
        let Some(settings) = &self.tls else { return Ok(None) };
        let tls = Tls::load(settings, unix_ms)?;
        for caution in tls.cautions() {
            tracing::warn!("{caution}");
        }
        Ok(Some(tls))
    }
}

impl Default for StowConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            base_path: "/dicom-web".to_owned(),
            bearer_token_file: None,
            requests_max: 4,
        }
    }
}

impl StowConfig {
    /// Reads the bearer token, if there is to be one.
    ///
    /// # Errors
    /// When the file does not hold one.
    pub fn load_token(&self) -> Result<Option<BearerToken>, ConfigError> {
        let Some(path) = &self.bearer_token_file else { return Ok(None) };
        let token = BearerToken::read(path);
        token.map(Some).map_err(|source| ConfigError::Token { path: path.clone(), source })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let open = self.listen.iter().find(|address| !address.ip().is_loopback());
        if let (Some(&address), None) = (open, &self.bearer_token_file) {
            return Err(ConfigError::OpenToAnyone { address });
        }
        let segments = self.base_path.strip_prefix('/').map(|path| path.split('/'));
        let is_plain = |segment: &str| {
            let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
            !segment.is_empty() && segment.bytes().all(plain)
        };
        let is_path = segments.is_some_and(|mut segments| segments.all(is_plain));
        if is_path || self.base_path.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::BasePath { path: self.base_path.clone() })
        }
    }
}

impl Default for SpoolConfig {
    /// A long neck CT.
    fn default() -> Self {
        Self { prepared_files: 320 }
    }
}

impl Default for SeriesConfig {
    fn default() -> Self {
        Self { quiet_s: 20, settle_s: 3 }
    }
}

impl Config {
    /// Settings from a file; the defaults where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, or a setting makes no sense.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        config.check()?;
        Ok(config)
    }

    /// The board that this machine is, by its file or by what its firmware says.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn board(&self) -> Result<Board, ConfigError> {
        match &self.board_file {
            Some(path) => Ok(Board::read(path)?),
            None => Ok(Board::recognise(&Board::built_in(), Path::new("/"))),
        }
    }

    /// Folder of the results' objects.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.data_dir.join("results")
    }

    /// The key of signed links.
    #[must_use]
    pub fn links_key(&self) -> PathBuf {
        self.data_dir.join("links.key")
    }

    /// The database's file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("parotidd.db")
    }

    /// The files outside the data folder that the settings name by whole paths, and that we may read: certificates,
    /// keys, secrets, the board's file. A backup has them beside the settings.
    #[must_use]
    pub fn named_files(&self) -> Vec<PathBuf> {
        let mut texts = Vec::new();
        // What was read from TOML can be written as TOML.
        toml::Value::try_from(self).iter().for_each(|all| collect_texts(all, &mut texts));
        let mut files: Vec<_> = texts.into_iter().map(PathBuf::from).collect();
        files.retain(|path| {
            let is_ours = path.is_absolute() && !path.starts_with(&self.data_dir);
            is_ours && path.is_file() && std::fs::File::open(path).is_ok()
        });
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Whether somebody tells this box the time. A site without network names no server: its clock runs by itself, and that
    /// is no fault.
    #[must_use]
    pub fn has_time_source(&self) -> bool {
        self.appliance.as_ref().is_none_or(|it| !it.time.servers.is_empty())
    }

    /// Silence after which a series is stable.
    #[must_use]
    pub fn waits(&self) -> Waits {
        let SeriesConfig { quiet_s, settle_s } = self.series;
        Waits { quiet: Duration::from_secs(quiet_s), settle: Duration::from_secs(settle_s) }
    }

    /// Who is spoken to over TLS needs our certificate.
    fn check_tls(&self) -> Result<(), ConfigError> {
        if self.dicom.tls.is_some() {
            return Ok(());
        }
        if self.worklist.as_ref().is_some_and(|worklist| worklist.tls) {
            return Err(ConfigError::NeedsTls { key: "worklist.tls" });
        }
        if self.dicom.peers.iter().any(|peer| peer.tls) {
            return Err(ConfigError::NeedsTls { key: "dicom.peer.tls" });
        }
        let wants_tls = |it: &Destination| matches!(&it.kind, Kind::Pacs(pacs) if pacs.tls);
        if self.destinations.iter().any(wants_tls) {
            return Err(ConfigError::NeedsTls { key: "destination.tls" });
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        let in_range = |key, value: u64, range: std::ops::RangeInclusive<u64>, says| {
            if range.contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::OutOfRange { key, value, range: says })
            }
        };
        let most = ASSOCIATIONS_MAX as u64;
        in_range(
            "dicom.associations_max",
            self.dicom.associations_max as u64,
            1..=most,
            "1 to 64",
        )?;
        in_range("dicom.idle_timeout_s", self.dicom.idle_timeout_s, 1..=3600, "1 to 3600")?;
        let most = STOW_REQUESTS_MAX as u64;
        in_range("stow.requests_max", self.stow.requests_max as u64, 1..=most, "1 to 32")?;
        let most = PREPARED_MAX as u64;
        let prepared = self.spool.prepared_files as u64;
        in_range("spool.prepared_files", prepared, 0..=most, "0 to 4096")?;
        self.check_tls()?;
        let (n_peers, most) = (self.dicom.peers.len() as u64, PEERS_MAX as u64);
        in_range("number of `dicom.peer`", n_peers, 0..=most, "0 to 64")?;
        in_range("series.quiet_s", self.series.quiet_s, 1..=3600, "1 to 3600")?;
        in_range("series.settle_s", self.series.settle_s, 1..=3600, "1 to 3600")?;
        let most = COMPUTE_THREADS_MAX as u64;
        in_range("inference.threads", self.inference.threads as u64, 0..=most, "0 to 256")?;
        self.retention.check()?;
        if !self.backup.is_possible() {
            let (value, range) = (self.backup.keep as u64, "1 to 366");
            return Err(ConfigError::OutOfRange { key: "backup.keep", value, range });
        }
        self.display.check()?;
        if self.dicom.listen.is_empty() && self.dicom.tls_listen().is_empty() {
            let hint = "name an address, for example [\"127.0.0.1:11112\"]";
            return Err(ConfigError::Empty { key: "dicom.listen", hint });
        }
        if self.dicom.calling_ae_titles.is_empty() {
            let hint = "name the scanner's AE title, or [\"*\"] for anyone";
            return Err(ConfigError::Empty { key: "dicom.calling_ae_titles", hint });
        }
        self.stow.check()?;
        if let Some(worklist) = &self.worklist {
            worklist.check()?;
        }
        let connections = self.reports.connections_max as u64;
        in_range(
            "reports.connections_max",
            connections,
            1..=HL7_CONNECTIONS_MAX as u64,
            "1 to 16",
        )?;
        in_range("reports.idle_timeout_s", self.reports.idle_timeout_s, 1..=86_400, "1 to 86400")?;
        self.alerts.policy(None)?;
        self.console.link_base()?;
        if let Some(appliance) = &self.appliance {
            appliance.check()?;
        }
        Ok(destination::check_all(&self.destinations, self.worklist.is_some())?)
    }
}

/// Every text of the settings.
fn collect_texts(value: &toml::Value, texts: &mut Vec<String>) {
    match value {
        toml::Value::String(text) => texts.push(text.clone()),
        toml::Value::Array(all) => all.iter().for_each(|it| collect_texts(it, texts)),
        toml::Value::Table(all) => all.values().for_each(|it| collect_texts(it, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Chain;

    #[test]
    fn a_backup_has_the_files_that_the_settings_name() {
        let folder = tempfile::tempdir().unwrap();
        let [token, inside] = ["token", "data/parotidd.key"].map(|name| folder.path().join(name));
        std::fs::create_dir(folder.path().join("data")).unwrap();
        [&token, &inside].into_iter().for_each(|path| std::fs::write(path, "x").unwrap());
        let text = format!(
            "data_dir = {:?}\nboard_file = '/nowhere'\n[stow]\nbearer_token_file = {token:?}\n\
             [dicom.tls]\nkey = {inside:?}\ncertificate = '/'\n",
            folder.path().join("data")
        );
        assert_eq!(load(&text).unwrap().named_files(), [token]);
    }

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path)).map_err(|error| Chain(&error).to_string())
    }

    #[test]
    fn a_box_that_names_no_time_server_has_nobody_to_ask() {
        let has = |text: &str| load(text).unwrap().has_time_source();
        let named = "[appliance.time]\nservers = ['10.0.0.3']";
        assert_eq!(["", "[appliance]", named].map(has), [true, false, true]);
    }

    #[test]
    fn an_empty_file_is_the_defaults_on_loopback() {
        let config = load("").unwrap();
        assert_eq!(config, Config::load(None).unwrap());
        assert!(config.dicom.listen.iter().all(|address| address.ip().is_loopback()));
        let waits = Waits { quiet: Duration::from_secs(20), settle: Duration::from_secs(3) };
        assert_eq!(config.waits(), waits);
    }

    #[test]
    fn the_effective_settings_can_be_written_and_read_again() {
        let config =
            load("[worklist]\naddress='[::1]:104'\ncalled_ae_title='RIS'\n[[destination]]\nname='ward'\nkind='webhook'\nurl='http://[::1]:9/a'").unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(load(&text).unwrap(), config);
    }

    #[test]
    fn tls_stands_beside_plain_dicom_or_alone() {
        let tls = "[dicom.tls]\nkey = 'k'\ncertificate = 'c'\npeers = 'p'\n";
        let config = load(tls).unwrap();
        assert_eq!(config.dicom.listen, DicomConfig::default().listen);
        assert_eq!(config.dicom.tls_listen(), ["127.0.0.1:2762".parse().unwrap()]);
        assert_eq!(load(&toml::to_string(&config).unwrap()).unwrap(), config);
        let alone = load(&format!("dicom.listen = []\n{tls}")).unwrap();
        assert!(alone.dicom.listen.is_empty());
    }

    #[test]
    fn the_display_is_read_whole_and_written_back() {
        let text = "[display]\nbackend = 'drm'\ndevice = '/dev/dri/card1'\nconnector = 'DSI-1'\n\
                    rotate = 90\nlanguage = 'de'\npatient = 'initials'\nkey_slice = false\n\
                    night = { from = '22:00', to = '06:00' }\nwidth = 240\nheight = 320";
        let config = load(text).unwrap();
        assert_eq!(config.display.night.as_ref().map(|it| it.from.hour()), Some(22));
        assert_eq!(load(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn dicomweb_is_off_and_open_to_others_only_with_a_token() {
        assert_eq!(load("").unwrap().stow.listen, []);
        let check = |settings: &str| assert!(load(&format!("[stow]\n{settings}")).is_ok());
        check("listen = ['127.0.0.1:8042', '[::1]:8042']");
        check("listen = ['0.0.0.0:8042']\nbearer_token_file = '/etc/parotidd/token'");
        check("base_path = ''");
        check("base_path = '/a/b-c'");
    }

    #[test]
    fn mistakes_say_what_to_change() {
        let check = |text: &str, says: &str| {
            let error = load(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        check("[dicom.tls]\nkey = 'k'", "certificate");
        check("[dicom.tls]\nkey = 'k'\ncertificate = 'c'\npeer = 'p'", "peers");
        let tls = "[dicom.tls]\nkey = 'k'\ncertificate = 'c'\n";
        check(&format!("{tls}client_authentication = 'maybe'"), "required");
        check(&format!("dicom.listen = []\n{tls}listen = []"), "dicom.listen");
        check("surprise = 1", "surprise");
        check("[dicom]\nassociations_max = 0", "1 to 64");
        check("[dicom]\nlisten = []", "127.0.0.1:11112");
        check("[dicom]\nlisten = ['scanner']", "socket address");
        check("[dicom]\nae_title = 'MUCH_TOO_LONG_A_TITLE'", "AE title");
        check("[display]\nbackend = 'oled'", "framebuffer");
        check("[display]\nwidth = 100", "320 to 2048");
        check("[display]\nrotate = 45", "0, 90, 180 or 270");
        check("[display]\nlanguage = 'la'", "`de`");
        check("[display]\npatient = 'name'", "initials");
        check("[display]\nnight = { from = '22', to = '06:00' }", "22:00");
        check("[stow]\nlisten = ['0.0.0.0:8042']", "anyone could store images");
        check("[stow]\nlisten = ['[::1]:8042', '10.0.0.1:8042']", "10.0.0.1:8042");
        check("[stow]\nrequests_max = 33", "1 to 32");
        for path in ["/", "dicom-web", "/dicom-web/", "//a", "/a b", "/{a}"] {
            check(&format!("[stow]\nbase_path = '{path}'"), "\"/dicom-web\"");
        }
        check("[spool]\nprepared_files = 5000", "0 to 4096");
        let peer = "[[dicom.peer]]\nae_title='A'\naddress='ct:104'\ntls = true";
        check(peer, "dicom.tls");
        check("[series]\nquiet_s = 0", "1 to 3600");
        check("[retention]\nimages_days = 40000", "36500");
        check("[backup]\nkeep = 0", "1 to 366");
        check("[retention]\nresults_days = 7", "images_days");
        check("[retention]\nfree_share_min = 1.0", "0.0 to 0.9");
        check("[series]\nsettle_s = 0", "1 to 3600");
        check("[inference]\nthreads = 1000", "0 to 256");
        check("[inference]\ninstruction_set = 'mmx'", "avx512");
        check("[[destination]]\nname='a'\nkind='fax'", "\"email\"");
        check("[[destination]]\nname='a'\nkind='webhook'\nurl='http://h/'\nhour='8-9'", "hour");
        check("[alerts]\nper_day_max = 0", "1 to 1000");
        let pacs = "[[destination]]\nname='a'\nkind='pacs'\naddress='p:104'\nae_title='P'\n";
        check(&format!("{pacs}tls = true"), "dicom.tls");
        check("[appliance]\nhostname = 'a b'", "parotidd-ct1");
        check("[worklist]\naddress = 'ris:104'", "called_ae_title");
        check("[worklist]\naddress = 'ris'\ncalled_ae_title = 'RIS'", "ris.example:104");
        check(
            "[worklist]\naddress = 'ris:104'\ncalled_ae_title = 'RIS'\nevery_s = 1",
            "10 to 3600",
        );
        let limited = "name='a'\nkind='webhook'\nurl='http://h/'\nstations=['CT1']";
        check(&format!("[[destination]]\n{limited}"), "[worklist]");
    }
}
