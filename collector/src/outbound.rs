//! Where the collector may connect to on somebody's wish, as a webhook. It stands inside the network that
//! an attacker wants to reach, so an address is judged after it was resolved, and the connection goes to
//! that very address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use ureq::{
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

/// A named place: `127.0.0.1:8080`, `[::1]:8080`, `oa.example.com:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Host as written in the URL, lower case, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl HostPort {
    /// Reads `host:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
            None => host.to_ascii_lowercase(),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        (!host.is_empty() && host.chars().all(plain) && (bare.is_some() || !host.contains(':')))
            .then_some(Self { host, port })
    }

    /// The host, when it is an address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// What a place that is named by host and port may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Named in the configuration file: whoever writes that may name a machine of the own network.
    Named,
    /// Named by a user of the dashboard: like a URL, with these exceptions.
    Listed(Vec<HostPort>),
}

/// Resolves a place and judges every address of it; one denied address denies the place.
pub fn resolve(host: &str, port: u16, guard: &Guard) -> Result<Vec<SocketAddr>, Unreached> {
    let found: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|_| Unreached::Unknown(host.to_owned()))?
        .collect();
    judged(host, port, found, guard)
}

fn judged(
    host: &str,
    port: u16,
    found: Vec<SocketAddr>,
    guard: &Guard,
) -> Result<Vec<SocketAddr>, Unreached> {
    let place = HostPort {
        host: host.to_ascii_lowercase(),
        port,
    };
    for address in found.iter().map(SocketAddr::ip) {
        match guard {
            Guard::Listed(allow) => check_address(address, &place, allow)?,
            Guard::Named => match kind(unmapped(address)) {
                Kind::Metadata => return Err(Denied::Metadata(address).into()),
                Kind::NotAMachine => return Err(Denied::NotAMachine(address).into()),
                _ => {}
            },
        }
    }
    if found.is_empty() {
        return Err(Unreached::Unknown(host.to_owned()));
    }
    Ok(found)
}

/// Why a place is not connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// It has no address.
    #[error("the host name {0} is not known")]
    Unknown(String),
    /// It may not be reached.
    #[error(transparent)]
    Denied(#[from] Denied),
}

/// Why an address or a URL is not reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Not a URL that alerts can be posted to.
    #[error("not a web address as \"https://oa.example.com/hook\" (no user name, no password in it)")]
    NotAUrl,
    /// Plain text outside the own network.
    #[error("plain http shows findings to everybody on the way; use https, or list {0} under `allow`")]
    Plain(String),
    /// The credentials service of a cloud.
    #[error("{0} is the metadata service of a cloud; it is never reached")]
    Metadata(IpAddr),
    /// This machine.
    #[error("{0} is this machine; list host and port under `allow` if that is meant")]
    Loopback(IpAddr),
    /// The own network.
    #[error("{0} is inside the own network; list host and port under `allow` if that is meant")]
    Private(IpAddr),
    /// No place that answers a POST.
    #[error("{0} is not an address of one machine")]
    NotAMachine(IpAddr),
}

/// Checks what can be checked before anything is resolved.
pub fn check_url(url: &str, allow: &[HostPort]) -> Result<(), Denied> {
    let uri: Uri = url.parse().map_err(|_| Denied::NotAUrl)?;
    let scheme = uri.scheme_str().ok_or(Denied::NotAUrl)?;
    let place = place(&uri).ok_or(Denied::NotAUrl)?;
    if !matches!(scheme, "http" | "https") || uri.authority().is_none_or(|a| a.as_str().contains('@')) {
        return Err(Denied::NotAUrl);
    }
    if let Some(ip) = place.ip() {
        check_address(ip, &place, allow)?;
    }
    if scheme == "http" && !allow.contains(&place) {
        return Err(Denied::Plain(format!("{}:{}", place.host, place.port)));
    }
    Ok(())
}

/// Checks a resolved address of `place`.
pub fn check_address(ip: IpAddr, place: &HostPort, allow: &[HostPort]) -> Result<(), Denied> {
    let ip = unmapped(ip);
    let listed = allow.contains(place);
    // A listed name may point into the own network, never at this machine: a name is in somebody
    // else's hands, an address or `localhost` is not.
    let literal = listed && (place.ip().is_some() || place.host == "localhost");
    match kind(ip) {
        Kind::Metadata => Err(Denied::Metadata(ip)),
        Kind::NotAMachine => Err(Denied::NotAMachine(ip)),
        Kind::Loopback if !literal => Err(Denied::Loopback(ip)),
        Kind::LinkLocal if !literal => Err(Denied::Private(ip)),
        Kind::Private if !listed => Err(Denied::Private(ip)),
        _ => Ok(()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    LinkLocal,
    Loopback,
    Metadata,
    NotAMachine,
}

fn kind(ip: IpAddr) -> Kind {
    match ip {
        IpAddr::V4(ip) => kind_v4(ip),
        IpAddr::V6(ip) => kind_v6(ip),
    }
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        _ if ip == Ipv4Addr::new(169, 254, 169, 254) || ip == Ipv4Addr::new(100, 100, 100, 200) => {
            Kind::Metadata
        }
        (127, ..) => Kind::Loopback,
        (169, 254, _) => Kind::LinkLocal,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) | (198, 18..=19, _) => {
            Kind::Private
        }
        (0 | 224..=255, ..) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113) => {
            Kind::NotAMachine
        }
        _ => Kind::Public,
    }
}

fn kind_v6(ip: Ipv6Addr) -> Kind {
    let parts = ip.segments();
    match parts[0] {
        _ if ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) => Kind::Metadata,
        _ if ip.is_loopback() => Kind::Loopback,
        0xfe80..=0xfebf => Kind::LinkLocal,
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Kind::Private,
        // Unspecified, discard-only, documentation, multicast.
        0 | 0x0100 | 0xff00..=0xffff => Kind::NotAMachine,
        0x2001 if parts[1] == 0xdb8 => Kind::NotAMachine,
        _ => Kind::Public,
    }
}

/// The IPv4 address inside a mapped, translated (64:ff9b::/96), 6to4 or compatible IPv6 address.
fn unmapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) | (0, 0, 0, 0, 0xffff, 0) => v4(g, h),
        (0, 0, 0, 0, 0, 0) if !v6.is_loopback() && !v6.is_unspecified() => v4(g, h),
        (0x2002, ..) => v4(b, c),
        _ => ip,
    }
}

/// Host and port that a URL names.
fn place(uri: &Uri) -> Option<HostPort> {
    let host = uri.host()?;
    let port = uri
        .port_u16()
        .or_else(|| Some(if uri.scheme_str()? == "https" { 443 } else { 80 }))?;
    HostPort::parse(&format!("{host}:{port}"))
}

/// Resolves as the system does, then drops nothing quietly: one denied address denies the name, because a
/// name that answers with an inner and an outer address is an attack or a mistake.
#[derive(Debug)]
pub(crate) struct GuardedResolver<R = DefaultResolver> {
    allow: Vec<HostPort>,
    inner: R,
}

impl GuardedResolver {
    pub(crate) fn new(allow: Vec<HostPort>) -> Self {
        Self {
            allow,
            inner: DefaultResolver::default(),
        }
    }
}

/// Resolves places that the configuration file names: they may be inside the own network.
#[derive(Debug, Default)]
pub(crate) struct NamedResolver {
    inner: DefaultResolver,
}

impl Resolver for NamedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let place = place(uri).ok_or(ureq::Error::HostNotFound)?;
        let found = self.inner.resolve(uri, config, timeout)?;
        judged(&place.host, place.port, found.to_vec(), &Guard::Named)
            .map_err(|unreached| ureq::Error::Other(Box::new(unreached)))?;
        Ok(found)
    }
}

#[cfg(test)]
impl<R> GuardedResolver<R> {
    pub(crate) fn over(inner: R, allow: Vec<HostPort>) -> Self {
        Self { allow, inner }
    }
}

impl<R: Resolver> Resolver for GuardedResolver<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        check_url(&uri.to_string(), &self.allow).map_err(|denied| ureq::Error::Other(Box::new(denied)))?;
        let place = place(uri).ok_or(ureq::Error::HostNotFound)?;
        let found = self.inner.resolve(uri, config, timeout)?;
        for address in found.iter().map(SocketAddr::ip) {
            check_address(address, &place, &self.allow)
                .map_err(|denied| ureq::Error::Other(Box::new(denied)))?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(text: &str) -> HostPort {
        HostPort::parse(text).unwrap()
    }

    #[test]
    fn inner_addresses_are_denied_in_every_spelling() {
        let name = place_of("hook.example.com:443");
        for ip in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:0:10.0.0.1",
        ] {
            assert!(check_address(ip.parse().unwrap(), &name, &[]).is_err(), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(check_address(ip.parse().unwrap(), &name, &[]), Ok(()), "{ip}");
        }
    }

    #[test]
    fn metadata_is_never_reached_even_when_listed() {
        for ip in [
            "169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            let place = HostPort {
                host: ip.to_string(),
                port: 80,
            };
            let denied = check_address(ip, &place, std::slice::from_ref(&place));
            assert!(matches!(denied, Err(Denied::Metadata(_))), "{ip}");
        }
    }

    #[test]
    fn a_listed_place_is_reached_at_its_port_only() {
        let allow = [place_of("127.0.0.1:8080"), place_of("oa.example.com:443")];
        assert_eq!(check_url("http://127.0.0.1:8080/x", &allow), Ok(()));
        assert!(check_url("http://127.0.0.1:8081/x", &allow).is_err());
        let inner: IpAddr = "10.1.2.3".parse().unwrap();
        assert_eq!(
            check_address(inner, &place_of("oa.example.com:443"), &allow),
            Ok(())
        );
        assert!(check_address(inner, &place_of("other.example.com:443"), &allow).is_err());
    }

    #[test]
    fn a_listed_name_that_points_at_this_machine_is_denied() {
        let allow = [place_of("oa.example.com:443"), place_of("localhost:9000")];
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(
            check_address(here, &allow[0], &allow),
            Err(Denied::Loopback(here))
        );
        assert_eq!(check_address(here, &allow[1], &allow), Ok(()));
    }

    #[test]
    fn a_place_named_by_a_user_is_guarded_and_one_of_the_file_may_be_inside() {
        let at = |ip: &str| vec![SocketAddr::new(ip.parse().unwrap(), 514)];
        let listed = Guard::Listed(vec![place_of("siem.example.com:514")]);
        let none = Guard::Listed(Vec::new());
        let judge = |ip, guard| judged("siem.example.com", 514, at(ip), guard).is_ok();
        assert!(judge("10.1.2.3", &Guard::Named) && judge("127.0.0.1", &Guard::Named));
        assert!(judge("10.1.2.3", &listed) && !judge("10.1.2.3", &none) && !judge("127.0.0.1", &listed));
        for guard in [&Guard::Named, &listed, &none] {
            assert!(!judge("169.254.169.254", guard) && !judge("::ffff:100.100.100.200", guard));
        }
    }

    #[test]
    fn urls_that_are_no_targets_are_refused() {
        for url in [
            "",
            "oa.example.com",
            "ftp://x.example",
            "https://",
            "https://user:pw@x.example/",
            "/path",
            "https://[::1]/",
        ] {
            assert!(check_url(url, &[]).is_err(), "{url}");
        }
        assert!(matches!(
            check_url("http://hook.example.com/", &[]),
            Err(Denied::Plain(_))
        ));
        assert_eq!(check_url("https://hook.example.com/x?y=1", &[]), Ok(()));
    }

    #[test]
    fn places_are_host_and_port() {
        assert_eq!(HostPort::parse("[::1]:80").unwrap().host, "::1");
        assert_eq!(
            HostPort::parse("OA.example.com:443").unwrap().host,
            "oa.example.com"
        );
        for text in [
            "",
            "127.0.0.1",
            "host:0",
            "host:70000",
            "::1:80",
            "a b:1",
            "http://x:1",
        ] {
            assert_eq!(HostPort::parse(text), None, "{text}");
        }
    }
}
