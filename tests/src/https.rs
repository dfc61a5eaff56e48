//! A small HTTPS client for the dashboard: trusts exactly the certificates that it is given, follows nothing,
//! keeps no state. One connection per request.

use std::{
    io::{BufRead, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
}

impl Answer {
    /// First value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {}", self.body))
    }
}

/// Where to connect and whom to trust.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Client {
    /// For `https://IP:PORT`, trusting the roots of a PEM file.
    ///
    /// # Errors
    /// When the address is none or the file holds no certificate.
    pub fn new(url: &str, roots: &Path) -> Result<Self> {
        let address = url
            .trim_start_matches("https://")
            .trim_end_matches('/')
            .parse()
            .with_context(|| url.to_owned())?;
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(roots).with_context(|| roots.display().to_string())? {
            store.add(root?)?;
        }
        ensure!(!store.is_empty(), "{} holds no certificate", roots.display());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self {
            address,
            config: Arc::new(config),
        })
    }

    /// `IP:PORT`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// One request and its whole answer.
    ///
    /// # Errors
    /// When the connection, the certificate or the answer is no good.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer> {
        let mut reader = self.send(method, path, headers, body)?;
        let (status, headers) = head(&mut reader)?;
        let mut answer = Answer {
            status,
            headers,
            body: String::new(),
        };
        answer.body = read_body(&mut reader, &answer)?;
        Ok(answer)
    }

    /// Opens an endless answer (server-sent events): the lines as they come.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub fn follow(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<impl Iterator<Item = String> + Send + use<>> {
        let mut reader = self.send("GET", path, headers, "")?;
        let (status, _) = head(&mut reader)?;
        ensure!(status == 200, "{path} answered {status}");
        // Sizes of chunks come in between; they are no fields of an event, so readers skip them.
        Ok(reader.lines().map_while(Result::ok))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<impl BufRead + Send + use<>> {
        let socket = TcpStream::connect_timeout(&self.address, TIMEOUT)
            .with_context(|| format!("no connection to {}", self.address))?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.set_nodelay(true)?;
        let connection = ClientConnection::new(
            Arc::clone(&self.config),
            ServerName::IpAddress(self.address.ip().into()),
        )?;
        let mut stream = StreamOwned::new(connection, socket);
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        Ok(BufReader::new(stream))
    }
}

fn head(reader: &mut impl BufRead) -> Result<(u16, Vec<(String, String)>)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .with_context(|| format!("no status: {line:?}"))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok((status, headers))
}

fn read_body(reader: &mut impl BufRead, answer: &Answer) -> Result<String> {
    let mut body = Vec::new();
    if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size =
                usize::from_str_radix(line.trim(), 16).with_context(|| format!("no chunk size: {line:?}"))?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            if size == 0 {
                break;
            }
            body.extend(chunk.get(..size).unwrap_or_default());
        }
    } else if let Some(length) = answer.header("content-length") {
        body.resize(length.parse().context("no content length")?, 0);
        reader.read_exact(&mut body)?;
    } else if answer.status != 204 && answer.status != 304 {
        bail!("an answer of unknown length");
    }
    String::from_utf8(body).context("the answer is no UTF-8")
}
