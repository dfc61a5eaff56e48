//! A dashboard to try: real store, a clock that stands still until told, people with browsers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use deskwarden_domain::{
    model::{AuditEntry, Lang, Millis, Role},
    operations::Certificate,
    port::Store,
    rules::{RuleFile, RuleSet},
};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{broadcast, watch},
};
use tower::ServiceExt as _;

use crate::rules_dir::BUILT_IN;
use crate::{
    meter::Meter,
    password,
    task::Eyes,
    web::{Clock, LiveEvent, SignInPolicy, StoreActions, System, WebConfig, WebState, logged, router},
};

pub(super) const START: Millis = 1_795_399_200_000;
pub(super) const PASSWORD: &str = "Kaffee-2026!";
pub(super) const HOST: &str = "desk.example:8443";

pub(super) struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

pub(super) struct House {
    pub(super) store: Arc<dyn Store>,
    pub(super) router: Router,
    pub(super) events: broadcast::Sender<LiveEvent>,
    pub(super) meter: Arc<Meter>,
    clock: Arc<Hands>,
    runtime: Runtime,
    folder: TempDir,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn location(&self) -> &str {
        self.headers
            .get(header::LOCATION)
            .map_or("", |value| value.to_str().unwrap())
    }
}

pub(super) fn built_in_rules() -> RuleSet {
    let files: Vec<RuleFile<'_>> = BUILT_IN
        .iter()
        .map(|file| RuleFile {
            name: file.name,
            content: file.content,
        })
        .collect();
    RuleSet::load(&files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub(super) fn audit() -> AuditEntry {
    AuditEntry {
        at: START,
        actor: "cli".into(),
        action: "test".into(),
        object: String::new(),
        detail: String::new(),
    }
}

/// What a collector would see that has its certificates for a year and expects no backup.
fn eyes(folder: &std::path::Path) -> Eyes {
    Eyes {
        data_dir: folder.to_owned(),
        backup_mark: None,
        damaged: Box::new(|| None),
        certificates: Box::new(|| {
            let certificate = |name: &str| Certificate {
                name: name.to_owned(),
                ends_at: START + 365 * 86_400_000,
                renews: name == "agents' port",
            };
            Some(
                ["root CA", "intermediate CA", "agents' port", "dashboard"]
                    .map(certificate)
                    .into(),
            )
        }),
    }
}

impl House {
    pub(super) fn new() -> Self {
        Self::with_codes_for(&[])
    }

    /// Where these roles need a second factor.
    pub(super) fn with_codes_for(roles: &[Role]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", folder.path().join("dw.db").display())).unwrap();
        let (events, _) = broadcast::channel(16);
        let (sender, rules) = watch::channel(Arc::new(built_in_rules()));
        drop(sender);
        let clock = Arc::new(Hands(AtomicI64::new(START)));
        let actions = StoreActions::new(Arc::clone(&store), events.clone(), Box::new(|_| {}));
        let config = WebConfig {
            public_url: format!("https://{HOST}"),
            agent_address: "desk.example:7443".into(),
            ca_pin: "sha256:00ff".into(),
            channels: crate::notify::DeskSource {
                data_dir: folder.path().to_owned(),
                ..Default::default()
            },
            // Tests read what they wrote a moment ago, however slow the machine is.
            counted_anew: std::time::Duration::MAX,
            sign_in: SignInPolicy {
                code_roles: Role::ALL.map(|role| roles.contains(&role)),
                ..SignInPolicy::default()
            },
            ..WebConfig::default()
        };
        let hands: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let state = WebState::new(
            Arc::clone(&store),
            rules,
            events.clone(),
            hands,
            Arc::new(actions),
            config,
        );
        let meter = Arc::new(Meter::default());
        let state = state.with_system(System {
            eyes: Some(Arc::new(eyes(folder.path()))),
            meter: Arc::clone(&meter),
            ..System::default()
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self {
            store,
            router: router(state),
            events,
            meter,
            clock,
            runtime,
            folder,
        }
    }

    /// Statements on the database, past the store.
    pub(super) fn raw(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.folder.path().join("dw.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    pub(super) fn pass(&self, ms: Millis) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub(super) fn user(&self, name: &str, roles: &[Role], must_change: bool) {
        let hash = password::hash(PASSWORD, [3; 16]).unwrap();
        self.store
            .create_user(name, &hash, roles, must_change, &audit())
            .unwrap();
    }

    /// Somebody with these roles, signed in.
    pub(super) fn person(&self, name: &str, roles: &[Role]) -> Person<'_> {
        self.user(name, roles, false);
        let mut person = self.stranger();
        let answer = person.sign_in(name, PASSWORD);
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        person
    }

    pub(super) fn stranger(&self) -> Person<'_> {
        Person {
            house: self,
            cookies: BTreeMap::new(),
            lang: "zh-CN",
        }
    }

    pub(super) fn ask(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
            Answer {
                status: parts.status,
                headers: parts.headers,
                // Files are looked at by other means; their beginning is text enough.
                body: String::from_utf8_lossy(&bytes).into_owned(),
            }
        })
    }

    /// The answer to a request whose body is no text.
    pub(super) fn ask_bytes(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
            (parts.status, bytes.to_vec())
        })
    }

    /// Statuses of requests that are all under way at the same time.
    pub(super) fn ask_at_once(&self, requests: Vec<Request<Body>>) -> Vec<StatusCode> {
        self.runtime.block_on(async {
            let tasks: Vec<_> = requests
                .into_iter()
                .map(|request| tokio::spawn(self.router.clone().oneshot(request)))
                .collect();
            let mut statuses = Vec::new();
            for task in tasks {
                statuses.push(task.await.unwrap().unwrap().status());
            }
            statuses
        })
    }

    /// The beginning of a stream, until it holds `wanted`.
    pub(super) fn stream(&self, request: Request<Body>, wanted: &str, publish: impl FnOnce()) -> String {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            publish();
            let mut body = response.into_body().into_data_stream();
            let mut seen = String::new();
            while !seen.contains(wanted) {
                let chunk = std::future::poll_fn(|context| {
                    futures_core::Stream::poll_next(std::pin::Pin::new(&mut body), context)
                });
                seen.push_str(std::str::from_utf8(&chunk.await.unwrap().unwrap()).unwrap());
            }
            seen
        })
    }
}

/// Whatever a test has done here: the audit log has words for it.
impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // A test may have broken the store.
        for record in self.store.audit_records(1, 1_000).unwrap_or_default() {
            let action = record.entry.action;
            let known = action == "test"
                || [Lang::Zh, Lang::En]
                    .into_iter()
                    .all(|lang| logged::words(lang, &action).is_some());
            assert!(known, "the audit log has no words for {action}");
        }
    }
}

#[derive(Clone)]
pub(super) struct Person<'a> {
    house: &'a House,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) lang: &'static str,
}

impl Person<'_> {
    pub(super) fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::COOKIE, cookies.join("; "))
            .header(header::ACCEPT_LANGUAGE, self.lang)
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        self.keep(self.house.ask(request))
    }

    /// Sends a form as a browser would that has the page open.
    pub(super) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post_raw(path, &all, Some(&format!("https://{HOST}")))
    }

    /// Sends a form with a file as a browser would that has the page open.
    pub(super) fn upload(&mut self, path: &str, fields: &[(&str, &str)], name: &str, bytes: &[u8]) -> Answer {
        let csrf = self.csrf();
        let mut body = Vec::new();
        for (field, value) in [("csrf", csrf.as_str())].iter().chain(fields) {
            let head =
                format!("--edge\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(head.as_bytes());
        }
        let head =
            format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        self.post_as(path, "multipart/form-data; boundary=edge", body)
    }

    /// Sends a body of a type from an own page.
    pub(super) fn post_as(&mut self, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, kind)
            .header(header::ORIGIN, format!("https://{HOST}"))
            .body(Body::from(body))
            .unwrap();
        self.keep(self.house.ask(request))
    }

    pub(super) fn post_raw(&mut self, path: &str, fields: &[(&str, &str)], origin: Option<&str>) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let mut request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let request = request.body(Body::from(body.finish())).unwrap();
        self.keep(self.house.ask(request))
    }

    /// The secret of the forms that this person sees.
    pub(super) fn csrf(&mut self) -> String {
        let signed_in = self.cookies.contains_key("__Host-dw_session");
        let mine = signed_in.then(|| self.get("/account").body);
        // A session may have ended since.
        let form = mine.filter(|body| body.contains("name=\"csrf\""));
        let body = form.unwrap_or_else(|| self.get("/sign-in").body);
        let (_, rest) = body.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    pub(super) fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("user", name), ("password", password)])
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for value in answer.headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}
