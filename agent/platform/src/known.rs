//! Programs that are known by their names, whatever system they run on.

/// Programs that are proxies whatever port they use, with what they speak. The name is all that is looked
/// at: only where the policy allows it are other programs asked.
const PROXIES: [(&str, &str); 34] = [
    ("3proxy", "http+socks"),
    ("brook", "socks"),
    ("ccproxy", "http+socks"),
    ("cow", "http"),
    ("clash", "http+socks"),
    ("clash-verge", "http+socks"),
    ("danted", "socks"),
    ("delegated", "http"),
    ("glider", "http+socks"),
    ("goproxy", "http+socks"),
    ("gost", "http+socks"),
    ("haproxy", "tcp"),
    ("hysteria", "http+socks"),
    ("mihomo", "http+socks"),
    ("microsocks", "socks"),
    ("mitmproxy", "http"),
    ("mitmdump", "http"),
    ("naive", "http+socks"),
    ("polipo", "http"),
    ("privoxy", "http"),
    ("proxychains", "socks"),
    ("redsocks", "tcp"),
    ("sing-box", "http+socks"),
    ("sockd", "socks"),
    ("squid", "http"),
    ("squid3", "http"),
    ("ss-local", "socks"),
    ("ss-server", "shadowsocks"),
    ("sslocal", "socks"),
    ("ssserver", "shadowsocks"),
    ("tinyproxy", "http"),
    ("trojan", "socks"),
    ("v2ray", "http+socks"),
    ("xray", "http+socks"),
];

/// What a program of that name speaks, in lower case and without an ending; empty for no proxy.
pub(crate) fn proxy_kind(name: &str) -> &'static str {
    // Builds carry the platform in their names: `clash-linux-amd64`, `xray_v1`.
    PROXIES
        .iter()
        .filter(|(known, _)| {
            name.strip_prefix(known).is_some_and(|rest| {
                rest.is_empty()
                    || ["-linux", "-windows", "-win"]
                        .iter()
                        .any(|system| rest.starts_with(system))
                    || rest.starts_with(['_', '.'])
                    || rest == "-core"
            })
        })
        .map(|(_, kind)| *kind)
        .next()
        .unwrap_or_default()
}
