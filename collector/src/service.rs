//! The collector as a service of Windows: its folder, its first settings, the first administrator's password where only
//! administrators read it, the end that the manager asks for. What runs is `app`'s.

use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

use anyhow::Context as _;
use deskwarden_system::{
    Gravity, Request, Service, ServiceKind, SystemLog, ensure_private_dir, log_event, serve, write_private,
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, Ready},
    config::Config,
    people, places,
};

/// The collector needs two ports and its own folder: no privilege but to pass through folders.
const SERVICE: ServiceKind = ServiceKind {
    name: "deskwarden-collector",
    by_hand: "serve",
    privileges: &["SeChangeNotifyPrivilege"],
};
/// The name in the system's log, as the installation registers it.
const LOG: &str = "Deskwarden Collector";
/// What a collector begins with.
const SETTINGS: &str = include_str!("../../deploy/windows/collector/collector.toml");
/// Where the first administrator's password stands.
const FIRST_SIGN_IN: &str = "first-sign-in.txt";
/// How often the manager hears that a start goes on: a large store takes its time.
const TICK: Duration = Duration::from_secs(2);

/// Runs until the service manager ends it; fails at once where no manager started the program.
pub fn run() -> std::io::Result<()> {
    serve(SERVICE, |service| {
        SystemLog::start(LOG);
        let ended = work(service);
        let (gravity, text) = match &ended {
            Ok(()) => (
                Gravity::Note,
                "桌面巡检采集端已停止。\nThe Deskwarden collector ended.".to_owned(),
            ),
            Err(error) => (
                Gravity::Fault,
                format!("桌面巡检采集端因错误停止。\nThe Deskwarden collector cannot go on: {error:#}"),
            ),
        };
        log_event(LOG, gravity, &text);
        ended.map_err(|error| format!("{error:#}"))
    })
}

fn work(service: &'static Service) -> anyhow::Result<()> {
    let home = places::home().context("this system has no folder for the data of programs")?;
    // Before anything in it is believed.
    ensure_private_dir(&home)?;
    service.progress();
    for fault in service.settle() {
        tracing::debug!(fault, "the service is not as restricted as it should be");
    }
    service.progress();
    begin_with(&places::default_file())?;
    let config = Config::read(&places::default_file())?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    // Both end with the service, and with the process at the latest.
    thread::spawn(move || until_end(service, &asked));
    let (started, starting) = mpsc::channel::<()>();
    thread::spawn(move || {
        while starting.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            service.progress();
        }
    });
    app::run(
        config,
        || Ok(stop),
        |ready| {
            note_first_sign_in(&home, ready)?;
            drop(started);
            service.running();
            let text = format!(
                "桌面巡检采集端 {0} 已启动。管理页面：{1}\nThe Deskwarden collector {0} started. Dashboard: {1}\n\
                 agents: {2}\npin: {3}",
                env!("CARGO_PKG_VERSION"),
                ready.dashboard,
                ready.agents,
                ready.pin,
            );
            log_event(LOG, Gravity::Note, &text);
            Ok(())
        },
    )
}

fn until_end(service: &Service, stop: &CancellationToken) {
    while let Some(request) = service.next() {
        match request {
            Request::Stop => stop.cancel(),
            // Agents come back by themselves after a machine slept.
            Request::Sleep => service.asleep(),
            Request::Wake | Request::People => {}
        }
    }
}

/// The first settings. What an administrator wrote stays.
fn begin_with(file: &Path) -> anyhow::Result<()> {
    if !file.exists() {
        write_private(file, in_lines_of_windows(SETTINGS).as_bytes())?;
    }
    Ok(())
}

/// Leaves the first password for whoever administers this machine, and takes it away once it was replaced.
fn note_first_sign_in(home: &Path, ready: &Ready) -> std::io::Result<()> {
    let file = home.join(FIRST_SIGN_IN);
    if let Some(secret) = &ready.admin {
        let (user, password) = (people::FIRST, secret.reveal());
        let text = format!(
            "管理页面 Dashboard: {}\n用户名 User: {user}\n一次性密码 One-time password: {password}\n\n\
             首次登录须修改密码；此后服务再次启动时本文件自动删除。\n\
             The first sign-in asks for a new password; this file goes when the service starts again after that.\n",
            ready.dashboard
        );
        return write_private(&file, in_lines_of_windows(&text).as_bytes())
            .map_err(deskwarden_system::PrivateError::into_io);
    }
    if !ready.first_password_waits {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// With a mark, so that the editor of an old Windows reads Chinese.
fn in_lines_of_windows(text: &str) -> String {
    format!("\u{feff}{}", text.replace('\n', "\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_settings_are_good_and_what_somebody_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("collector.toml");
        begin_with(&file).unwrap();
        let config = Config::read(&file).unwrap();
        assert_eq!(config.agents.listen.port(), 7443);
        assert!(config.agents.listen.ip().is_unspecified());
        fs::write(&file, "language = \"en\"\n").unwrap();
        begin_with(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "language = \"en\"\n");
    }

    #[test]
    fn the_first_password_stands_in_a_private_file_until_it_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FIRST_SIGN_IN);
        let mut ready = Ready {
            agents: "https://pc:7443".to_owned(),
            dashboard: "https://pc:8443".to_owned(),
            pin: "sha256:00".to_owned(),
            admin: Some(people::one_time_password().unwrap()),
            first_password_waits: true,
        };
        note_first_sign_in(folder.path(), &ready).unwrap();
        let opened = fs::File::open(&file).unwrap();
        deskwarden_system::check_file(&file, &opened, deskwarden_system::Reach::Owner).unwrap();
        let secret = ready.admin.take().unwrap();
        assert!(fs::read_to_string(&file).unwrap().contains(secret.reveal()));
        note_first_sign_in(folder.path(), &ready).unwrap();
        assert!(file.exists(), "nobody signed in yet");
        ready.first_password_waits = false;
        note_first_sign_in(folder.path(), &ready).unwrap();
        assert!(!file.exists());
        note_first_sign_in(folder.path(), &ready).unwrap();
    }

    #[test]
    fn without_a_service_manager_the_command_says_what_to_do() {
        let refused = run().unwrap_err().to_string();
        assert!(refused.contains("deskwarden-collector serve"), "{refused}");
    }
}
