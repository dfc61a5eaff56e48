//! A real browser (Chromium, headless), driven through its debugging protocol over two pipes: opens pages as a
//! signed-in person, fills in forms, waits for what appears, takes pictures.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    need,
    wait::{PATIENCE, eventually},
};

/// The browser itself where there is one: Debian's `chromium` is a script whose helpers read from the pipe too.
const PROGRAMS: [&str; 4] = [
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/usr/bin/chromium",
];

/// What Chromium breaks a request off with when any address of the machine comes or goes: tests beside this one
/// make and remove networks of their own. A person would load the page again.
const NETWORK_CHANGED: &str = "net::ERR_NETWORK_CHANGED";

/// A browser with one tab.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    session: String,
    next: u64,
    _profile: TempDir,
}

impl Browser {
    /// Whether there is one; notes the test as not run where there is none.
    pub fn is_there(test: &str) -> bool {
        PROGRAMS.into_iter().any(|program| Path::new(program).is_file())
            || need::missing(test, "Chromium is not installed")
    }

    /// Starts the browser. It accepts the dashboard's certificate unseen: the tests that are about the
    /// certificate use a client that does not.
    ///
    /// # Errors
    /// When there is no Chromium or it does not start.
    pub fn start(language: &str) -> Result<Self> {
        let profile = tempfile::Builder::new().prefix("deskwarden-browser-").tempdir()?;
        let program = PROGRAMS
            .into_iter()
            .find(|program| Path::new(program).is_file())
            .context("there is no Chromium")?;
        // The browser reads commands from descriptor 3 and answers on 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 0</dev/null 1>&2", "sh", program])
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args([
                "--hide-scrollbars",
                "--ignore-certificate-errors",
                "--remote-debugging-pipe",
                "--disable-extensions",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg(format!("--accept-lang={language}"))
            .arg(format!("--lang={language}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("sh does not start")?;
        let input = child.stdin.take().context("no standard input")?;
        let answers = follow(child.stdout.take().context("no standard output")?);
        let mut browser = Self {
            child,
            input,
            answers,
            session: String::new(),
            next: 0,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attached = browser.call(
            "Target.attachToTarget",
            &json!({"targetId": target["targetId"], "flatten": true}),
        )?;
        browser.session = attached["sessionId"].as_str().context("no session")?.to_owned();
        browser.call("Page.enable", &json!({}))?;
        browser.size(1280, 900)?;
        Ok(browser)
    }

    /// Size of the page in CSS pixels; pictures have twice as many, so that text stays sharp.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn size(&mut self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &metrics)
            .map(drop)
    }

    /// A script that runs before anything of every page opened from now on.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn before_every_page(&mut self, script: &str) -> Result<()> {
        self.call(
            "Page.addScriptToEvaluateOnNewDocument",
            &json!({"source": script}),
        )
        .map(drop)
    }

    /// Opens an address and waits until it is loaded; again while other networks of this machine change.
    ///
    /// # Errors
    /// When it does not load.
    pub fn open(&mut self, url: &str) -> Result<()> {
        let mut times = 0;
        loop {
            let answer = self
                .call("Page.navigate", &json!({"url": url}))
                .with_context(|| url.to_owned())?;
            let error = answer["errorText"].as_str();
            let Some(error) = error else { break };
            times += 1;
            ensure!(error == NETWORK_CHANGED && times < 10, "{url}: {error}");
        }
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")
    }

    /// Value of an expression in the page.
    ///
    /// # Errors
    /// When it throws.
    pub fn evaluate(&mut self, script: &str) -> Result<Value> {
        let answer = self.call(
            "Runtime.evaluate",
            &json!({"expression": script, "returnByValue": true, "awaitPromise": true}),
        )?;
        ensure!(
            answer["exceptionDetails"].is_null(),
            "{script}: {}",
            answer["exceptionDetails"]
        );
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until an expression in the page is true.
    ///
    /// # Errors
    /// At the deadline, with the text of the page.
    pub fn wait_for(&mut self, script: &str) -> Result<()> {
        let waited = eventually(script, PATIENCE, || {
            let value = self.evaluate(script)?;
            Ok((value == Value::Bool(true)).then_some(()))
        });
        let text = self
            .evaluate("document.body ? document.body.innerText : ''")
            .unwrap_or_default();
        waited.with_context(|| format!("the page says: {text}"))
    }

    /// Fills in fields by name and sends the form that they are in.
    ///
    /// # Errors
    /// When a field is not there or no other page follows.
    pub fn submit(&mut self, fields: &[(&str, &str)]) -> Result<()> {
        let first = fields.first().context("no field")?.0;
        for (name, value) in fields {
            self.evaluate(&format!(
                "document.querySelector('[name={name}]').value = {}",
                json!(value)
            ))?;
        }
        self.evaluate(&format!(
            "window.waiting = true; document.querySelector('[name={first}]').form.requestSubmit()"
        ))?;
        self.wait_for("window.waiting !== true && document.readyState === 'complete'")
    }

    /// Presses the first link or button of these words, or else whose words contain them, and waits for the page that follows.
    ///
    /// # Errors
    /// When there is none or no other page follows.
    pub fn press(&mut self, words: &str) -> Result<()> {
        let pressed = self.evaluate(&format!(
            "(() => {{
                const all = [...document.querySelectorAll('main a[href], main button, nav a[href]')];
                const found = all.find(e => e.innerText.trim() === {words}) ?? all.find(e => e.innerText.includes({words}));
                if (!found) return false;
                window.waiting = true;
                found.click();
                return true;
            }})()",
            words = json!(words)
        ))?;
        if pressed != Value::Bool(true) {
            let text = self.evaluate("document.body.innerText").unwrap_or_default();
            bail!("no link or button says {words:?}; the page says: {text}");
        }
        self.wait_for("window.waiting !== true && document.readyState === 'complete'")
            .with_context(|| format!("after {words:?} was pressed"))
    }

    /// Types into fields by name: a box is ticked by any text, a list chosen from by its value.
    ///
    /// # Errors
    /// When a field is not there.
    pub fn fill(&mut self, fields: &[(&str, &str)]) -> Result<()> {
        for (name, value) in fields {
            self.evaluate(&format!(
                "(() => {{
                    const field = document.querySelector('main [name=\"{name}\"]:not([type=hidden])');
                    if (field.type === 'checkbox') field.checked = true; else field.value = {};
                }})()",
                json!(value)
            ))
            .with_context(|| format!("the field {name}"))?;
        }
        Ok(())
    }

    /// Prints the page as it would leave the printer, into a PDF.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&mut self, file: &Path) -> Result<()> {
        let answer = self.call("Page.printToPDF", &json!({"preferCSSPageSize": true}))?;
        let data = answer["data"].as_str().context("nothing was printed")?;
        std::fs::write(file, BASE64.decode(data.as_bytes())?).with_context(|| file.display().to_string())
    }

    /// Takes a picture of the whole page.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn picture(&mut self, file: &Path) -> Result<()> {
        let answer = self.call(
            "Page.captureScreenshot",
            &json!({"format": "png", "captureBeyondViewport": false}),
        )?;
        let data = answer["data"].as_str().context("no picture")?;
        std::fs::write(file, BASE64.decode(data.as_bytes())?).with_context(|| file.display().to_string())
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.input.write_all(format!("{message}\0").as_bytes())?;
        self.input.flush()?;
        loop {
            let answer = self
                .answers
                .recv_timeout(PATIENCE)
                .with_context(|| format!("{method}: the browser does not answer"))?;
            if answer["id"] != self.next {
                continue;
            }
            if !answer["error"].is_null() {
                bail!("{method}: {}", answer["error"]);
            }
            return Ok(answer["result"].clone());
        }
    }
}

/// Messages end in a NUL. A thread reads them, so that a silent browser cannot hold up a test for ever.
fn follow(output: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for message in BufReader::new(output).split(0).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice(&message) else {
                continue;
            };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.next += 1;
        let close = json!({"id": self.next, "method": "Browser.close"});
        self.input.write_all(format!("{close}\0").as_bytes()).ok();
        self.input.flush().ok();
        let ended = eventually("the browser to end", Duration::from_secs(5), || {
            Ok(self.child.try_wait()?)
        });
        if ended.is_err() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_in_and_a_picture_taken() {
        if !Browser::is_there("a_form_is_filled_in_and_a_picture_taken") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.html");
        std::fs::write(
            &page,
            "<meta charset=utf-8><form><input name=who></form><p>桌面巡检</p>",
        )
        .unwrap();
        let mut browser = Browser::start("zh-CN").unwrap();
        browser.open(&format!("file://{}", page.display())).unwrap();
        browser.submit(&[("who", "王")]).unwrap();
        assert_eq!(
            browser
                .evaluate("new URLSearchParams(location.search).get('who')")
                .unwrap(),
            "王"
        );
        let picture = folder.path().join("page.png");
        browser.picture(&picture).unwrap();
        assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    }
}
