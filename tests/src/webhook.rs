//! A receiver of webhooks: takes HTTP POSTs on a port of this machine and keeps them with their headers.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::wait::eventually;

/// Largest body that is taken.
const LARGEST: usize = 1 << 20;

/// One POST.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
    /// When all of it was there.
    pub at: SystemTime,
}

impl Delivery {
    /// Value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The receiver.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Delivery>>>,
}

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        Self::listen("127.0.0.1", Duration::ZERO)
    }

    /// The same on another address of this machine.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start_on(address: &str) -> Result<Self> {
        Self::listen(address, Duration::ZERO)
    }

    /// The same, but each message is kept for so long before its sender hears of it: so that a sender can be ended
    /// in between.
    ///
    /// # Errors
    /// When there is no port.
    pub fn slow(pause: Duration) -> Result<Self> {
        Self::listen("127.0.0.1", pause)
    }

    fn listen(address: &str, pause: Duration) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).context("no free port")?;
        let address = listener.local_addr()?;
        let got = Arc::<Mutex<Vec<Delivery>>>::default();
        let keep = Arc::clone(&got);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let keep = Arc::clone(&keep);
                thread::spawn(move || serve(&stream, &keep, pause).ok());
            }
        });
        Ok(Self { address, got })
    }

    /// `host:port`, as allow lists want it.
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    /// Where to post.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Waits for an alert of this rule, as it opens or is over.
    ///
    /// # Errors
    /// When none comes in time; with what came instead.
    pub fn alert(&self, rule: &str, kind: &str, patience: Duration) -> Result<Value> {
        eventually(&format!("an alert of {rule}, {kind}"), patience, || {
            let came: Vec<Value> = self.deliveries().iter().map(Delivery::json).collect();
            let wanted = |alert: &&Value| alert["finding"]["rule"] == rule && alert["kind"] == kind;
            let found = came.iter().find(wanted).cloned();
            found.map(Some).with_context(|| format!("there came {came:?}"))
        })
    }

    /// Everything that came so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: &TcpStream, keep: &Mutex<Vec<Delivery>>, pause: Duration) -> Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        line.clear();
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header == "\r\n" {
                break;
            }
            // Whoever sent it was killed on the way: that was no delivery.
            ensure!(header.ends_with("\r\n"), "a request that ends in its headers");
            let (name, value) = header
                .trim_end()
                .split_once(':')
                .context("a header without a colon")?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut delivery = Delivery {
            headers,
            body: Vec::new(),
            at: SystemTime::now(),
        };
        let length: usize = delivery
            .header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        delivery.body.resize(length.min(LARGEST), 0);
        reader.read_exact(&mut delivery.body)?;
        delivery.at = SystemTime::now();
        keep.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
        thread::sleep(pause);
        let mut writer = stream;
        writer.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(())
}
