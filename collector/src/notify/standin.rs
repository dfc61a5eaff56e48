//! Chat providers as their documents describe them, on a port of this machine: whatever breaks the documented
//! contract (path, credentials, signature, clock, size, rate, markup that tells everybody) is answered with the
//! documented code, and counted.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use ring::hmac;
use serde_json::{Value, json};

use crate::{
    config::{Robot, Secret, Service, WecomApp},
    outbound::HostPort,
};

/// Messages of one minute that a robot takes.
pub(super) const PER_MINUTE: usize = 20;

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Request {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn has(&self, key: &str, value: &str) -> bool {
        self.query.get(key).is_some_and(|had| had == value)
    }
}

/// Answers a request with a status and a body.
pub(super) type Rules = Box<dyn FnMut(&Request) -> (u16, Value) + Send>;

/// A provider.
pub(super) struct Standin {
    pub(super) address: SocketAddr,
    /// Every answer's code, and the body that it was for.
    pub(super) seen: Arc<Mutex<Vec<(Value, Value)>>>,
}

impl Standin {
    pub(super) fn start(mut rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<(Value, Value)>>>::default();
        let keep = Arc::clone(&seen);
        let _detached = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read(&stream) else { continue };
                let (status, answer) = rules(&request);
                keep.lock().unwrap().push((answer.clone(), request.json()));
                let text = answer.to_string();
                let mut out = &stream;
                write!(
                    out,
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                    text.len()
                )
                .ok();
            }
        });
        Self { address, seen }
    }

    /// The service as a channel is told of it.
    pub(super) fn service(&self) -> Service {
        Service {
            url: format!("http://{}", self.address),
            allow: vec![HostPort::parse(&self.address.to_string()).unwrap()],
            ca_file: None,
        }
    }

    pub(super) fn robot(&self, token: &str, sign: Option<&str>) -> Robot {
        Robot {
            service: self.service(),
            token: Secret::new(token.to_owned()),
            sign: sign.map(|sign| Secret::new(sign.to_owned())),
        }
    }

    pub(super) fn app(&self, secret: &str) -> WecomApp {
        WecomApp {
            service: self.service(),
            corp_id: "ww1".to_owned(),
            agent_id: 1_000_002,
            secret: Secret::new(secret.to_owned()),
            to: vec!["zhangsan".to_owned(), "lisi".to_owned()],
            to_party: Vec::new(),
            to_tag: Vec::new(),
        }
    }

    /// Bodies that were taken: those answered with code 0.
    pub(super) fn taken(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        let zero = |answer: &Value| answer["errcode"] == 0 || answer["code"] == 0;
        seen.iter()
            .filter(|(answer, body)| zero(answer) && !body.is_null())
            .map(|(_, body)| body.clone())
            .collect()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    input.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        input.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path: path.to_owned(),
        query,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

/// Whether somebody would be told, or something could be clicked, that only a PC's text put there.
fn tells_everybody(text: &str) -> bool {
    text.contains("<@") || text.contains("@all") || text.contains("@所有人") || text.contains("http://evil")
}

fn is_json(request: &Request) -> bool {
    request.method == "POST"
        && request
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"))
}

fn refusal(code: i64, words: &str) -> (u16, Value) {
    (200, json!({"errcode": code, "errmsg": words}))
}

/// 企业微信: the robot with this key.
pub(super) fn wecom_robot(key: &'static str) -> Standin {
    let mut taken = 0;
    Standin::start(Box::new(move |request| {
        if !is_json(request) || request.path != "/cgi-bin/webhook/send" {
            return refusal(40058, "invalid request");
        }
        if !request.has("key", key) {
            return refusal(93000, "invalid webhook url");
        }
        let body = request.json();
        let Some(text) = body["markdown"]["content"]
            .as_str()
            .filter(|_| body["msgtype"] == "markdown")
        else {
            return refusal(40008, "invalid message type");
        };
        if text.is_empty() || text.len() > 4_096 {
            return refusal(40058, "markdown.content exceed max length 4096");
        }
        if tells_everybody(text) {
            return refusal(-1, "the text tells everybody");
        }
        taken += 1;
        if taken > PER_MINUTE {
            return refusal(45009, "api freq out of limit");
        }
        refusal(0, "ok")
    }))
}

/// 企业微信: an application. Every token holds for `uses` messages, then it has ended before its time.
pub(super) fn wecom_app(secret: &'static str, uses: u32) -> Standin {
    let (mut issued, mut left) = (0u32, 0u32);
    Standin::start(Box::new(move |request| match request.path.as_str() {
        "/cgi-bin/gettoken" => {
            if !request.has("corpid", "ww1") {
                return refusal(40013, "invalid corpid");
            }
            if !request.has("corpsecret", secret) {
                return refusal(40001, "invalid credential");
            }
            issued += 1;
            left = uses;
            (
                200,
                json!({"errcode": 0, "errmsg": "ok", "access_token": format!("t{issued}"), "expires_in": 7200}),
            )
        }
        "/cgi-bin/message/send" if is_json(request) => {
            if !request.has("access_token", &format!("t{issued}")) {
                return refusal(40014, "invalid access_token");
            }
            if left == 0 {
                return refusal(42001, "access_token expired");
            }
            left -= 1;
            let body = request.json();
            let text = body["markdown"]["content"].as_str().unwrap_or_default();
            if body["agentid"] != 1_000_002 || body["touser"] != "zhangsan|lisi" {
                return refusal(81013, "user & party & tag all invalid");
            }
            if text.is_empty() || text.len() > 2_048 {
                return refusal(40058, "content exceed max length 2048");
            }
            if tells_everybody(text) {
                return refusal(-1, "the text tells everybody");
            }
            refusal(0, "ok")
        }
        _ => refusal(40058, "invalid request"),
    }))
}

fn hmac(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    data_encoding::BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// 钉钉: the robot with this token and secret. After too many messages it is blocked.
pub(super) fn dingtalk(token: &'static str, secret: &'static str) -> Standin {
    let mut taken = 0;
    Standin::start(Box::new(move |request| {
        if !is_json(request) || request.path != "/robot/send" {
            return refusal(43004, "invalid request");
        }
        if !request.has("access_token", token) {
            return refusal(300005, "token is not exist");
        }
        let at = request.query.get("timestamp").cloned().unwrap_or_default();
        let off = at
            .parse::<i64>()
            .map_or(i64::MAX, |at| (crate::clock::now() - at).abs());
        if off > 3_600_000 || !request.has("sign", &hmac(secret, &format!("{at}\n{secret}"))) {
            return refusal(310000, "sign not match");
        }
        let body = request.json();
        let (title, text) = (&body["markdown"]["title"], body["markdown"]["text"].as_str());
        let (Some(text), true) = (text, title.is_string() && body["msgtype"] == "markdown") else {
            return refusal(40035, "缺少参数 json");
        };
        if request.body.len() > 20_000 {
            return refusal(460101, "message too long");
        }
        if tells_everybody(text) || body["at"]["isAtAll"] != false {
            return refusal(-1, "the text tells everybody");
        }
        taken += 1;
        if taken > PER_MINUTE {
            return refusal(130101, "send too fast, exceed 20 times per minute");
        }
        refusal(0, "ok")
    }))
}

/// 飞书: the robot with this token and secret.
pub(super) fn feishu(token: &'static str, secret: &'static str) -> Standin {
    let mut taken = 0;
    let mut recent = VecDeque::new();
    let refusal = |code: i64, words: &str| (200, json!({"code": code, "msg": words, "data": {}}));
    Standin::start(Box::new(move |request| {
        if request.path != format!("/open-apis/bot/v2/hook/{token}") {
            return refusal(19001, "param invalid: incoming webhook access token invalid");
        }
        let body = request.json();
        if !is_json(request) || !body.is_object() || request.body.len() > 20 << 10 {
            return (400, json!({"code": 9499, "msg": "Bad Request", "data": {}}));
        }
        let at = body["timestamp"].as_str().unwrap_or_default().to_owned();
        let off = at
            .parse::<i64>()
            .map_or(i64::MAX, |at| (crate::clock::now() / 1_000 - at).abs());
        if off > 3_600 || body["sign"] != hmac(&format!("{at}\n{secret}"), "") {
            return refusal(
                19021,
                "sign match fail or timestamp is not within one hour from current time",
            );
        }
        let lines = body["content"]["post"]["zh_cn"]["content"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let pieces: Vec<&Value> = lines.iter().flat_map(|line| line.as_array()).flatten().collect();
        let known = |piece: &&Value| {
            piece["tag"] == "text" && piece["text"].is_string()
                || piece["tag"] == "a" && piece["href"].is_string()
        };
        if body["msg_type"] != "post" || pieces.is_empty() || !pieces.iter().all(known) {
            return refusal(9499, "Bad Request");
        }
        recent.push_back(Instant::now());
        if recent.len() > 5
            && recent
                .pop_front()
                .is_some_and(|then| then.elapsed().as_secs() < 1)
        {
            return refusal(11232, "frequency limited psm");
        }
        taken += 1;
        if taken > PER_MINUTE {
            return refusal(11232, "frequency limited psm");
        }
        refusal(0, "success")
    }))
}
