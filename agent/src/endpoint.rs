//! The address of a collector. Connects nowhere.

use std::{fmt, str::FromStr, sync::Arc};

use rustls_pki_types::ServerName;

use crate::web_proxy::WebProxy;

/// Where a collector listens for agents.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    name: ServerName<'static>,
    via: Option<Arc<WebProxy>>,
}

/// The text is not an address of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEndpoint {
    /// Another scheme, or none.
    #[error("it must begin with https:// and look like https://collector.example:7443")]
    Scheme,
    /// No port, or one that is not a number from 1 to 65535.
    #[error("the port is missing or not a number, as in https://collector.example:7443")]
    Port,
    /// No host name or address.
    #[error("the host is neither a name nor an address")]
    Host,
    /// More than scheme, host and port.
    #[error("it must end with the port: https://collector.example:7443")]
    Rest,
}

impl Endpoint {
    /// Host as written, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The proxy on the way, if there is one.
    pub fn via(&self) -> Option<&WebProxy> {
        self.via.as_deref()
    }

    /// The same collector, reached through a proxy.
    pub fn set_via(&mut self, proxy: &Arc<WebProxy>) {
        self.via = Some(Arc::clone(proxy));
    }

    /// The name that the collector's certificate must carry.
    pub fn server_name(&self) -> ServerName<'static> {
        self.name.clone()
    }
}

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let rest = text.strip_prefix("https://").ok_or(NotAnEndpoint::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(NotAnEndpoint::Rest);
        }
        let (host, port) = rest.rsplit_once(':').ok_or(NotAnEndpoint::Port)?;
        let port = port.parse().map_err(|_| NotAnEndpoint::Port)?;
        if port == 0 {
            return Err(NotAnEndpoint::Port);
        }
        let host = match host.strip_prefix('[') {
            Some(inside) => inside.strip_suffix(']').ok_or(NotAnEndpoint::Host)?,
            None if host.contains(':') => return Err(NotAnEndpoint::Port),
            None => host,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| NotAnEndpoint::Host)?;
        Ok(Self {
            host: host.to_owned(),
            port,
            name,
            via: None,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "https://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "https://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in [
            "https://pc.example:8443",
            "https://10.0.0.1:1",
            "https://[::1]:8443",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("https://[::1]:8443/".parse::<Endpoint>().unwrap().host(), "::1");
    }

    #[test]
    fn anything_else_is_refused() {
        let cases = [
            ("http://a:1", NotAnEndpoint::Scheme),
            ("a:1", NotAnEndpoint::Scheme),
            ("https://a", NotAnEndpoint::Port),
            ("https://a:0", NotAnEndpoint::Port),
            ("https://a:70000", NotAnEndpoint::Port),
            ("https://::1:80", NotAnEndpoint::Port),
            ("https://[::1:80", NotAnEndpoint::Host),
            ("https://a b:1", NotAnEndpoint::Host),
            ("https://a:1/path", NotAnEndpoint::Rest),
            ("https://user@a:1", NotAnEndpoint::Rest),
        ];
        for (text, why) in cases {
            assert_eq!(text.parse::<Endpoint>(), Err(why), "{text}");
        }
    }
}
