//! Sockets that somebody else keeps open: who connects while the program is started again waits, and is answered.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use parotidd::dicom::scu::ScuOptions;
use parotidd::dicom::scu::echo::echo;

use super::support::*;

/// Becomes the program, as the service manager starts it with two sockets.
const PASS: &str =
    "exec 3<&0 4<&1 0</dev/null 1>/dev/null; export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$@\"";

fn with_sockets(site: &Site, sockets: [&TcpListener; 2]) -> Command {
    let [first, second] = sockets.map(|socket| OwnedFd::from(socket.try_clone().unwrap()));
    let program = parotidd(&["run", "--config", site.config().to_str().unwrap()]);
    let mut command = Command::new("sh");
    command.args(["-c", PASS, "sh"]).arg(program.get_program()).args(program.get_args());
    for (name, _) in program.get_envs() {
        command.env_remove(name);
    }
    command.stdin(Stdio::from(first)).stdout(Stdio::from(second));
    command
}

async fn ask(address: SocketAddr) {
    let [calling, called] = ["CT1", "PAROTIDD"].map(|title| title.parse().unwrap());
    let options = ScuOptions { timeout: PATIENCE, ..ScuOptions::new(calling, called) };
    echo(address, &options).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_while_the_program_is_stopped_is_answered_later() {
    let [wanted, unwanted] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let address = wanted.local_addr().unwrap();
    let site = Site::new(&format!("[dicom]\nlisten = [\"{address}\", \"127.0.0.1:0\"]\n"));
    let mut first = site.spawn_by(with_sockets(&site, [&wanted, &unwanted]));
    first.wait_for_log("listening address");
    ask(address).await;
    assert_eq!(first.terminate().code(), Some(0), "{}", site.log());

    // Nobody runs: who connects stands in the socket's queue.
    let early = TcpStream::connect(address).unwrap();
    let asking = tokio::spawn(ask(address));
    let second = site.spawn_by(with_sockets(&site, [&wanted, &unwanted]));
    asking.await.unwrap();
    drop(early);
    wait_for("both addresses, of which the other is bound as ever", || {
        let n_listening = second.log().matches("listening address").count();
        (n_listening == 2).then_some(())
    });
    let log = second.log();
    let warning = log.lines().find(|line| line.contains("no setting wants it")).unwrap();
    assert!(warning.contains(&unwanted.local_addr().unwrap().to_string()), "{warning}");
}
