//! The daemon that runs with the same settings: what it says of itself, its DICOM port, its database, its outbox.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::checks::{Found, Tally};
use crate::cli::database;
use crate::clock::Clock;
use crate::config::{Config, DicomConfig};
use crate::db::examine;
use crate::dicom::scu::ScuOptions;
use crate::dicom::scu::echo::echo;
use crate::dicom::uid::AeTitle;
use crate::limits::{SELF_TEST_ANSWER, SELF_TEST_LOOK, SELF_TEST_WAIT};
use crate::status::{Activity, DisplayState};
use crate::system::health::Health;
use crate::system::self_test_result::Need;
use crate::system::state_file;

/// All checks of the daemon.
///
/// # Errors
/// When there is no runtime to ask with.
pub(super) fn check(tally: &mut Tally<'_>, config: &Config, clock: &dyn Clock) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    let end = clock.monotonic() + SELF_TEST_WAIT;
    let health =
        tally.note("service", Need::Required, || until(end, clock, || service(config, clock)));
    tally.note("echo", Need::Required, || {
        let asked = until(end, clock, || runtime.block_on(ask(&config.dicom)));
        asked.or_else(|error| {
            not_here(&config.dicom).map_or(Err(error), |why| Ok(Found::skipped(why)))
        })
    });
    tally.note("live_database", Need::Required, || {
        examine::check(&database(config)?)?;
        Ok(Found::text("whole, and of this program's version"))
    });
    tally.note("outbox", Need::Required, || {
        examine::try_outbox(&database(config)?)?;
        Ok(Found::text("a delivery put in and taken back"))
    });
    tally.note("picture", Need::Wanted, || picture(health.as_ref()));
    Ok(())
}

/// The daemon has just started, perhaps, or scanners take all associations.
fn until<T>(
    end: Duration,
    clock: &dyn Clock,
    check: impl Fn() -> Result<Found<T>>,
) -> Result<Found<T>> {
    loop {
        match check() {
            Err(_) if clock.monotonic() < end => sleep(SELF_TEST_LOOK),
            other => return other,
        }
    }
}

/// What the daemon says of itself.
fn service(config: &Config, clock: &dyn Clock) -> Result<Found<Health>> {
    let Some(path) = &config.upkeep.health else {
        return Ok(Found::skipped("the settings have no `upkeep.health` for it to write"));
    };
    let health = state_file::read::<Health>(path)?.with_context(|| {
        format!("the daemon does not run, or cannot write `{}`", path.display())
    })?;
    ensure!(
        health.is_fresh(clock.unix_ms()),
        "the daemon has not written `{}` lately",
        path.display()
    );
    let (theirs, ours) = (&health.software_version, env!("CARGO_PKG_VERSION"));
    ensure!(theirs == ours, "the daemon is of version {theirs}, this program of {ours}");
    ensure!(health.silent.is_empty(), "silent tasks: {}", health.silent.join(", "));
    match &health.activity {
        Activity::Fault { message } => bail!("the daemon has a fault: {message}"),
        Activity::Starting | Activity::Stopping => bail!("the daemon is starting or stopping"),
        _ => Ok(Found::with(format!("version {theirs}, all tasks answer"), health)),
    }
}

/// C-ECHO to our own port, as a scanner would.
async fn ask(dicom: &DicomConfig) -> Result<Found<()>> {
    let Some(address) = asked_address(dicom) else { return tls_alone(dicom) };
    let calling = calling_ae(dicom);
    let options = ScuOptions {
        timeout: SELF_TEST_ANSWER,
        ..ScuOptions::new(calling.clone(), dicom.ae_title.clone())
    };
    echo(address, &options).await.with_context(|| format!("C-ECHO to {address} as {calling}"))?;
    Ok(Found::text(format!("{} answers at {address}", dicom.ae_title)))
}

fn asked_address(dicom: &DicomConfig) -> Option<SocketAddr> {
    dicom.listen.iter().map(|&address| reachable(address)).find(|it| it.port() != 0)
}

/// Why nobody can be reached there: a cable that is out, or a network that gives no address, is no fault of the program.
fn not_here(dicom: &DicomConfig) -> Option<String> {
    let address = asked_address(dicom)?;
    let tried = UdpSocket::bind((address.ip(), 0)).err()?;
    (tried.kind() == ErrorKind::AddrNotAvailable).then(|| {
        format!("this machine does not have the address of `dicom.listen`, {address}: look at its cable and network settings")
    })
}

/// Who is let in: the daemon knows no other.
fn calling_ae(dicom: &DicomConfig) -> AeTitle {
    let known = dicom.calling_ae_titles.iter().find(|title| title.as_str() != "*");
    known.unwrap_or(&dicom.ae_title).clone()
}

/// Behind TLS we have no name and no certificate that the daemon would have to believe; that the port is open is all that
/// can be seen.
fn tls_alone(dicom: &DicomConfig) -> Result<Found<()>> {
    let Some(&address) = dicom.tls_listen().first() else {
        return Ok(Found::skipped("no DICOM port of the settings can be asked"));
    };
    let address = reachable(address);
    TcpStream::connect_timeout(&address, SELF_TEST_ANSWER)
        .with_context(|| format!("nobody listens at {address}"))?;
    let why = "only TLS listens, and who asks there needs a certificate that `dicom.tls.peers` vouches for; its port";
    Ok(Found::skipped(format!("{why} {address} is open")))
}

/// Where a listener for any address is reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn picture(health: Option<&Health>) -> Result<Found<()>> {
    match health.map(|health| health.display) {
        None => Ok(Found::skipped("the daemon has not said how its display is")),
        Some(DisplayState::None) => Ok(Found::skipped("there is no display")),
        Some(DisplayState::Up) => Ok(Found::text("the newest picture is up")),
        Some(DisplayState::Failing) => bail!("the newest picture did not get up; see the log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_for_any_address_is_asked_here() {
        let check = |address: &str, asked: &str| {
            assert_eq!(reachable(address.parse().unwrap()), asked.parse().unwrap());
        };
        check("0.0.0.0:104", "127.0.0.1:104");
        check("[::]:104", "[::1]:104");
        check("10.0.0.5:104", "10.0.0.5:104");
    }

    #[test]
    fn an_address_of_another_machine_is_no_fault() {
        let listens_at = |address: &str| DicomConfig {
            listen: vec![address.parse().unwrap()],
            ..DicomConfig::default()
        };
        // RFC 5737, for documents alone.
        let why = not_here(&listens_at("192.0.2.7:104")).unwrap();
        assert!(why.contains("192.0.2.7:104"), "{why}");
        assert_eq!(not_here(&listens_at("0.0.0.0:104")), None);
        assert_eq!(not_here(&listens_at("127.0.0.1:104")), None);
    }

    #[test]
    fn the_echo_comes_from_who_may_call() {
        let title = |text: &str| text.parse::<AeTitle>().unwrap();
        let mut dicom = DicomConfig::default();
        assert_eq!(calling_ae(&dicom), dicom.ae_title);
        dicom.calling_ae_titles = vec![title("*"), title("CT1")];
        assert_eq!(calling_ae(&dicom), title("CT1"));
    }
}
