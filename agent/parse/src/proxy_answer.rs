//! What a proxy answers to a question that asks it to do nothing: the beginning of an answer is enough to tell
//! it from a server of anything else.

use crate::text;

/// Header fields that only proxies send.
const OF_PROXIES: [&str; 6] = [
    "proxy-agent",
    "proxy-authenticate",
    "proxy-connection",
    "via",
    "x-squid-error",
    "x-cache-lookup",
];
/// States that only somebody who was to pass the question on gives back.
const NOT_PASSED_ON: [&str; 4] = ["407", "502", "503", "504"];

/// Whether whoever got `OPTIONS http://name/` answers as a proxy for HTTP.
pub fn is_http_proxy(answer: &[u8]) -> bool {
    let mut lines = text::lines(answer);
    let Some(status) = lines.next().map(text::decode) else {
        return false;
    };
    let mut words = status.split(' ');
    if !words.next().is_some_and(|version| version.starts_with("HTTP/")) {
        return false;
    }
    if words.next().is_some_and(|state| NOT_PASSED_ON.contains(&state)) {
        return true;
    }
    lines.take_while(|line| !line.is_empty()).any(|line| {
        text::split_once(line, b':')
            .map(|(name, _)| text::decode(name).trim().to_ascii_lowercase())
            .is_some_and(|name| OF_PROXIES.contains(&name.as_str()))
    })
}

/// Whether whoever got the greeting of SOCKS 5 answers it: with the way to sign in, or that there is none.
pub fn is_socks5(answer: &[u8]) -> bool {
    matches!(answer, [5, 0 | 1 | 2 | 0xff])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn proxies_are_told_from_other_servers() {
        let proxies: [&[u8]; 4] = [
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            b"HTTP/1.0 503 Service Unavailable\r\nServer: squid/6.1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nVia: 1.1 tinyproxy (tinyproxy/1.11.1)\r\n",
            b"HTTP/1.1 501 Not Implemented\nX-Squid-Error: ERR_UNSUP_REQ 0\n",
        ];
        assert!(proxies.iter().all(|answer| is_http_proxy(answer)));
        let others: [&[u8]; 6] = [
            b"",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
            b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nVia: in the text",
            b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n\r\n",
            b"220 mail ESMTP\r\n",
        ];
        assert!(!others.iter().any(|answer| is_http_proxy(answer)));
    }

    #[test]
    fn the_greeting_of_socks_is_answered_in_two_bytes() {
        assert!(is_socks5(&[5, 0]) && is_socks5(&[5, 0xff]) && is_socks5(&[5, 2]));
        assert!(!is_socks5(&[5]) && !is_socks5(&[4, 0]) && !is_socks5(b"HTTP") && !is_socks5(&[5, 0, 0]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            is_http_proxy(&bytes);
            is_socks5(&bytes);
        }
    }
}
