//! A web proxy between the agent and its collector: its address, and asking it for a way through (CONNECT). What
//! goes through is TLS from end to end; the proxy sees the collector's address and nothing else.

use std::{fmt, io, str::FromStr};

use data_encoding::BASE64;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

/// Largest answer of a proxy.
const MAX_ANSWER: usize = 8 << 10;
/// Longest text of an address.
const MAX_TEXT: usize = 1_024;

/// A proxy, with the name and password that it asks for, if it does.
#[derive(Clone, PartialEq, Eq)]
pub struct WebProxy {
    host: String,
    port: u16,
    /// As the header says it.
    authorization: Option<Zeroizing<String>>,
}

/// The text is not the address of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProxy {
    /// Another scheme, or none.
    #[error(
        "it must begin with http:// and look like http://proxy.example:3128 or http://user:password@proxy.example:3128"
    )]
    Scheme,
    /// No port, or one that is not a number from 1 to 65535.
    #[error("the port is missing or not a number, as in http://proxy.example:3128")]
    Port,
    /// No host, or more than an address.
    #[error("there must be a host, and nothing behind the port")]
    Host,
    /// A name without a password, or what is no text once decoded.
    #[error(
        "name and password must look like user:password@; write @ as %40, : as %3A and % as %25 inside of them"
    )]
    Account,
}

/// Why there is no way through.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The connection to the proxy broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It answers what no proxy answers.
    #[error("its answer is not that of a web proxy")]
    Nonsense,
    /// It wants to know who asks.
    #[error(
        "it wants a name and password ({0}); write them into proxy = \"http://user:password@host:port\" (only Basic is spoken)"
    )]
    Account(String),
    /// It refuses.
    #[error("it refuses the way to the collector: {0}; allow CONNECT to the collector's address and port")]
    Answer(String),
}

impl WebProxy {
    /// Host and port.
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Asks for a way to `host`, over a connection to the proxy. The stream then leads to `host`.
    pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        host: &str,
        port: u16,
    ) -> Result<(), Refused> {
        let place = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let mut request = Zeroizing::new(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"));
        if let Some(authorization) = &self.authorization {
            request.push_str("Proxy-Authorization: ");
            request.push_str(authorization);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let answer = answer(stream).await?;
        judge(&answer)
    }
}

/// Reads up to the empty line and not a byte further: what follows is the collector's.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Result<String, Refused> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if bytes.len() >= MAX_ANSWER {
            return Err(Refused::Nonsense);
        }
        bytes.push(stream.read_u8().await?);
    }
    String::from_utf8(bytes).map_err(|_| Refused::Nonsense)
}

fn judge(answer: &str) -> Result<(), Refused> {
    let mut lines = answer.lines();
    let status = lines.next().unwrap_or_default();
    let (version, rest) = status.split_once(' ').ok_or(Refused::Nonsense)?;
    if !version.starts_with("HTTP/1.") {
        return Err(Refused::Nonsense);
    }
    match rest.get(..3).and_then(|code| code.parse::<u16>().ok()) {
        Some(200..=299) => Ok(()),
        Some(407) => {
            let offered: Vec<String> = lines
                .filter_map(|line| line.split_once(':'))
                .filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authenticate"))
                .filter_map(|(_, value)| value.split_whitespace().next())
                .map(printable)
                .collect();
            Err(Refused::Account(offered.join(", ")))
        }
        Some(_) => Err(Refused::Answer(printable(rest))),
        None => Err(Refused::Nonsense),
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(100)
        .collect()
}

impl FromStr for WebProxy {
    type Err = NotAProxy;

    fn from_str(text: &str) -> Result<Self, NotAProxy> {
        let rest = text.strip_prefix("http://").ok_or(NotAProxy::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if text.len() > MAX_TEXT || rest.contains(['/', '?', '#']) {
            return Err(NotAProxy::Host);
        }
        let (account, place) = match rest.rsplit_once('@') {
            Some((account, place)) => (Some(account), place),
            None => (None, rest),
        };
        let (host, port) = place.rsplit_once(':').ok_or(NotAProxy::Port)?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(NotAProxy::Port)?;
        let host = match host.strip_prefix('[') {
            Some(inside) => inside.strip_suffix(']').ok_or(NotAProxy::Host)?,
            None if host.contains(':') => return Err(NotAProxy::Port),
            None => host,
        };
        if host.is_empty() || host.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(NotAProxy::Host);
        }
        let authorization = match account {
            None => None,
            Some(account) => {
                let (name, password) = account.split_once(':').ok_or(NotAProxy::Account)?;
                let (name, password) = (decoded(name)?, decoded(password)?);
                let both = Zeroizing::new(format!("{}:{}", *name, *password));
                Some(Zeroizing::new(format!(
                    "Basic {}",
                    BASE64.encode(both.as_bytes())
                )))
            }
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            authorization,
        })
    }
}

fn decoded(text: &str) -> Result<Zeroizing<String>, NotAProxy> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().and_then(|byte| char::from(byte).to_digit(16));
            digit
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or(NotAProxy::Account)
        };
        bytes.push(digit()? << 4 | digit()?);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| NotAProxy::Account)?;
    if text.contains(char::is_control) {
        return Err(NotAProxy::Account);
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Without name and password.
impl fmt::Display for WebProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for WebProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebProxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(proxy: &str, answer: &[u8]) -> (Result<(), Refused>, String, Vec<u8>) {
        let (mut near, mut far) = tokio::io::duplex(64 << 10);
        far.write_all(answer).await.unwrap();
        let proxy: WebProxy = proxy.parse().unwrap();
        let result = proxy.ask(&mut near, "collector.example", 7443).await;
        drop(near.shutdown().await);
        let mut request = String::new();
        far.read_to_string(&mut request).await.unwrap();
        drop(far);
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await.unwrap();
        (result, request, rest)
    }

    #[tokio::test]
    async fn the_way_is_asked_for_and_what_follows_is_left_to_the_collector() {
        let (result, request, rest) = asked(
            "http://proxy:3128",
            b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nTLS",
        )
        .await;
        result.unwrap();
        assert_eq!(
            request,
            "CONNECT collector.example:7443 HTTP/1.1\r\nHost: collector.example:7443\r\n\r\n"
        );
        assert_eq!(rest, b"TLS");
    }

    #[tokio::test]
    async fn name_and_password_go_to_the_proxy_and_are_never_shown() {
        let text = "http://wang:geheim%40%3A7@proxy:3128";
        let (result, request, _) = asked(text, b"HTTP/1.0 200 OK\r\n\r\n").await;
        result.unwrap();
        let basic = BASE64.encode(b"wang:geheim@:7");
        assert!(
            request.contains(&format!("Proxy-Authorization: Basic {basic}\r\n")),
            "{request}"
        );
        let proxy: WebProxy = text.parse().unwrap();
        assert_eq!(
            format!("{proxy} {proxy:?}"),
            "http://proxy:3128 WebProxy(http://proxy:3128)"
        );
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_do() {
        let head = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic realm=\"x\"\r\n\r\n";
        let (result, ..) = asked("http://proxy:3128", head.as_bytes()).await;
        let said = result.unwrap_err().to_string();
        assert!(
            said.contains("(Negotiate, Basic)") && said.contains("user:password@"),
            "{said}"
        );
        let (result, ..) = asked("http://proxy:3128", b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
        assert!(result.unwrap_err().to_string().contains("403 Forbidden"));
    }

    #[tokio::test]
    async fn what_is_no_proxy_is_recognised() {
        for answer in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 ok\r\n\r\n",
            &"x".repeat(9_000),
        ] {
            let (result, ..) = asked("http://proxy:3128", answer.as_bytes()).await;
            assert!(matches!(result, Err(Refused::Nonsense)), "{answer:.20}");
        }
    }

    #[test]
    fn addresses_are_read_and_anything_else_is_refused() {
        for (text, address) in [("http://p:1", ("p", 1)), ("http://[::1]:80/", ("::1", 80))] {
            assert_eq!(text.parse::<WebProxy>().unwrap().address(), address);
        }
        for (text, why) in [
            ("proxy:3128", NotAProxy::Scheme),
            ("https://proxy:3128", NotAProxy::Scheme),
            ("http://proxy", NotAProxy::Port),
            ("http://proxy:0", NotAProxy::Port),
            ("http://:3128", NotAProxy::Host),
            ("http://proxy:3128/x", NotAProxy::Host),
            ("http://wang@proxy:3128", NotAProxy::Account),
            ("http://wang:%zz@proxy:3128", NotAProxy::Account),
            ("http://wang:a%0Ab@proxy:3128", NotAProxy::Account),
        ] {
            assert_eq!(text.parse::<WebProxy>(), Err(why), "{text}");
        }
    }
}
