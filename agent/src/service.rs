//! The agent as a service that waits for its settings, runs, and answers the service manager. What the manager is
//! told, and how, is the platform's; what runs is `app`'s.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use deskwarden_platform::{
    Gravity, LOG, Places, Request, Service, SystemLog, ensure_private_dir, log_event, places, serve,
};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

use crate::{
    app,
    attend::{Call, Calls},
    config::{self, Config, Overrides},
    fault, setup,
    update::Program,
};

/// A file that was just written is read after this.
const SETTLE: Duration = Duration::from_secs(1);

/// Runs until the service manager ends it; fails at once where no manager started the program.
pub fn run() -> anyhow::Result<()> {
    serve(|service| {
        SystemLog::start(LOG);
        let ended = work(service);
        match &ended {
            Ok(()) => log_event(Gravity::Note, "桌面巡检代理已停止。\nThe Deskwarden agent ended."),
            Err(error) => log_event(
                Gravity::Fault,
                &format!(
                    "桌面巡检代理因错误停止。\nThe Deskwarden agent cannot go on: {}",
                    fault::told(error)
                ),
            ),
        }
        ended.map_err(|error| fault::told(&error))
    })?;
    Ok(())
}

fn work(service: &'static Service) -> anyhow::Result<()> {
    let program = Program::start()?;
    let places = places();
    // Before anything in it is believed.
    if let Some(home) = &places.home {
        ensure_private_dir(home)?;
    }
    service.progress();
    for fault in service.settle() {
        tracing::debug!(fault, "the service is not as restricted as it should be");
    }
    service.progress();
    let runtime = app::runtime()?;
    let mut calls = relay(service);
    service.running();
    log_event(
        Gravity::Note,
        &format!(
            "桌面巡检代理已启动。\nThe Deskwarden agent {} started.",
            env!("CARGO_PKG_VERSION")
        ),
    );
    runtime.block_on(async {
        match ready(&places, &mut calls).await? {
            Some(config) => app::run(config, program, calls).await,
            None => Ok(()),
        }
    })
}

/// The settings, as soon as there are good ones; `None` when the service ends before.
async fn ready(places: &Places, calls: &mut Calls) -> anyhow::Result<Option<Config>> {
    let (touched, mut touches) = mpsc::channel(1);
    let folder = places
        .config
        .parent()
        .context("the configuration is in no folder")?;
    let watcher = watch(folder, touched)?;
    loop {
        match settings(places) {
            Ok(Some(config)) => {
                drop(watcher);
                return Ok(Some(config));
            }
            Ok(None) => log_event(
                Gravity::Note,
                &format!(
                    "桌面巡检代理尚无配置，等待文件 {0}。\nNobody told the agent its collector yet; it waits for {0}.",
                    places.left.display()
                ),
            ),
            Err(error) => log_event(
                Gravity::Fault,
                &format!(
                    "桌面巡检代理的配置有误，改正后自动生效。\nThe agent's settings are wrong; it goes on as soon as they are right: {}",
                    fault::told(&error)
                ),
            ),
        }
        if !changed(&mut touches, calls).await? {
            return Ok(None);
        }
    }
}

fn settings(places: &Places) -> anyhow::Result<Option<Config>> {
    let taken = setup::take_over(|_| None, &places.left, &places.config);
    if let Err(error) = &taken
        && places.config.exists()
    {
        // What was set up before goes on.
        tracing::error!(%error, "what was left for this PC is wrong");
    } else {
        taken?;
    }
    if !places.config.exists() {
        return Ok(None);
    }
    Ok(Some(config::load(Some(&places.config), Overrides::default())?))
}

/// Waits until something in the folder changed; `false` when the service is to end.
async fn changed(touches: &mut mpsc::Receiver<()>, calls: &mut Calls) -> anyhow::Result<bool> {
    loop {
        tokio::select! {
            call = calls.recv() => match call.transpose()? {
                None | Some(Call::End) => return Ok(false),
                Some(Call::Sleep(answer)) => drop(answer.send(())),
                Some(Call::Wake | Call::People) => {}
            },
            touch = touches.recv() => {
                touch.context("the folder of the settings is not watched any more")?;
                sleep(SETTLE).await;
                while touches.try_recv().is_ok() {}
                return Ok(true);
            }
        }
    }
}

fn watch(folder: &Path, touched: mpsc::Sender<()>) -> anyhow::Result<RecommendedWatcher> {
    let tell = move |_| {
        // One that waits stands for all.
        touched.try_send(()).ok();
    };
    let mut watcher = notify::recommended_watcher(tell)?;
    watcher
        .watch(folder, RecursiveMode::NonRecursive)
        .with_context(|| format!("{} cannot be watched", folder.display()))?;
    Ok(watcher)
}

/// Passes on what the manager asks, from a thread that ends with the service.
fn relay(service: &'static Service) -> Calls {
    let (caller, calls) = mpsc::channel(4);
    std::thread::spawn(move || {
        while let Some(request) = service.next() {
            let (call, answer) = match request {
                Request::Stop => (Call::End, None),
                Request::Wake => (Call::Wake, None),
                Request::People => (Call::People, None),
                Request::Sleep => {
                    let (done, answer) = oneshot::channel();
                    (Call::Sleep(done), Some(answer))
                }
            };
            if caller.blocking_send(Ok(call)).is_err() {
                return;
            }
            if let Some(answer) = answer {
                // An agent that ends instead is as quiet as one that sleeps.
                answer.blocking_recv().ok();
                service.asleep();
            }
        }
    });
    calls
}

#[cfg(test)]
mod tests {
    use std::fs;

    use deskwarden_platform::write_private;

    use super::*;

    fn places(folder: &Path) -> Places {
        Places {
            home: Some(folder.to_owned()),
            config: folder.join("agent.toml"),
            left: folder.join("enrol.toml"),
            state: folder.join("state"),
        }
    }

    fn good(folder: &Path) -> String {
        let state = toml::Value::String(folder.join("state").display().to_string());
        format!(
            "collector = \"https://c:1\"\npin = \"sha256:{}\"\ntoken = \"t\"\nstate_dir = {state}\n",
            "ab".repeat(32)
        )
    }

    #[tokio::test]
    async fn a_service_without_settings_waits_for_good_ones() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        let (_caller, mut calls) = mpsc::channel(1);
        write_private(&places.left, b"colector = 1\n").unwrap();
        let mend = async {
            tokio::task::yield_now().await;
            write_private(&places.left, good(folder.path()).as_bytes()).unwrap();
            std::future::pending::<()>().await;
        };
        let config = tokio::select! {
            ready = ready(&places, &mut calls) => ready.unwrap().unwrap(),
            () = mend => unreachable!(),
        };
        assert_eq!(config.collectors.len(), 1);
        assert!(!places.left.exists());
    }

    #[tokio::test]
    async fn a_service_that_waits_ends_when_it_is_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let (caller, mut calls) = mpsc::channel(2);
        let (answer, answered) = oneshot::channel();
        caller.send(Ok(Call::Sleep(answer))).await.unwrap();
        caller.send(Ok(Call::End)).await.unwrap();
        assert_eq!(ready(&places(folder.path()), &mut calls).await.unwrap(), None);
        answered.await.unwrap();
    }

    #[test]
    fn what_was_set_up_goes_on_when_what_is_left_later_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        fs::write(&places.config, "collector = \"https://old:1\"\n").unwrap();
        write_private(&places.left, b"colector = 1\n").unwrap();
        let config = settings(&places).unwrap().unwrap();
        assert_eq!(config.collectors[0].to_string(), "https://old:1");
        assert!(places.left.exists());
    }
}
