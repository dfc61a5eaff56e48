//! The signed-in browser: opening, finding and ending sessions, and the secrets of forms. The cookie's
//! secret is 256 random bits; the store keeps its hash.

use super::{access::Rights, cookie, error::WebError, locale, state::SignInPolicy};
use crate::entropy::{self, OsEntropy};
use axum::http::HeaderMap;
use deskwarden_domain::{
    model::{ApiScope, ApiToken, AuditEntry, Lang, Millis, Role, Session, Sight, User, Voucher},
    port::{Store, StoreResult},
};

/// Name of the session cookie.
pub(super) const SESSION_COOKIE: &str = "__Host-dw_session";
/// Name of the cookie that the sign-in form must repeat.
pub(super) const FORM_COOKIE: &str = "__Host-dw_form";
/// Name of the cookie of a sign-in that is under way at a provider.
pub(super) const AWAY_COOKIE: &str = "__Host-dw_away";
/// Name of the cookie that remembers light or dark.
pub(super) const THEME_COOKIE: &str = "__Host-dw_theme";

/// How long the second step of a sign-in may take.
const CODE_WAITS_MS: Millis = 5 * 60_000;

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// In the order of the switch.
    pub(super) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// The name used in the cookie and in the page.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of that name.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }
}

/// How a reader wants pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// Language.
    pub(super) lang: Lang,
    /// Light or dark.
    pub(super) theme: Theme,
}

impl Preferences {
    /// From cookies and headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            lang: locale::negotiate(headers),
            theme: cookie::get(headers, THEME_COOKIE)
                .and_then(Theme::by_name)
                .unwrap_or_default(),
        }
    }
}

/// Who is looking at a page.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    /// Row id.
    pub(super) user: i64,
    /// Sign-in name.
    pub(super) name: String,
    /// Who keeps their password.
    pub(super) voucher: Voucher,
    /// What they may do.
    pub(super) roles: Vec<Role>,
    /// Whose assets they see.
    pub(super) sight: Sight,
    /// What a program may do, where a token of the API asks.
    pub(super) scopes: Option<Vec<ApiScope>>,
    /// The password must be changed before anything else.
    pub(super) must_change: bool,
    /// A one-time code is due before anything else.
    pub(super) code_due: bool,
    /// A second factor must be set up before anything else.
    pub(super) must_enrol: bool,
    /// Secret of the session's forms.
    pub(super) csrf: String,
    /// Hash of the session's secret.
    pub(super) session: [u8; 32],
    /// When the session was last used.
    pub(super) used_at: Millis,
}

impl Viewer {
    /// From what the store knows.
    pub(super) fn new(session: &Session, user: User, policy: &SignInPolicy) -> Self {
        Self {
            scopes: None,
            code_due: session.code_due,
            must_enrol: user.totp.is_none() && policy.asks_code(&user.roles),
            user: user.id,
            voucher: user.voucher,
            name: user.name,
            roles: user.roles,
            sight: user.sight,
            must_change: user.must_change_password,
            csrf: data_encoding::BASE64URL_NOPAD.encode(&session.csrf),
            session: session.hash,
            used_at: session.last_used_at,
        }
    }

    /// A program with a token.
    pub(super) fn program(token: ApiToken) -> Self {
        Self {
            user: 0,
            voucher: Voucher::Local,
            name: format!("token:{}", token.id),
            roles: Vec::new(),
            sight: token.sight,
            scopes: Some(token.scopes),
            must_change: false,
            code_due: false,
            must_enrol: false,
            csrf: String::new(),
            session: [0; 32],
            used_at: 0,
        }
    }

    /// What the access table looks at.
    pub(super) fn rights(&self) -> Rights<'_> {
        Rights {
            roles: &self.roles,
            scopes: self.scopes.as_deref(),
            sight: &self.sight,
        }
    }
}

/// A session's secret as the cookie carries it.
pub(super) struct Secret(String);

impl Secret {
    /// A fresh one.
    pub(super) fn random() -> Result<Self, WebError> {
        Ok(Self(data_encoding::BASE64URL_NOPAD.encode(&random::<32>()?)))
    }

    /// For the cookie, or for the hidden field that repeats it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], WebError> {
    entropy::bytes(&OsEntropy).map_err(|_| WebError::Internal("the system gave no random bytes"))
}

/// What the store keeps of a secret: 256 random bits need no slow hash.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// Equality whose time says nothing about where texts differ.
pub(super) fn same(a: &str, b: &str) -> bool {
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

/// Opens a session and returns the cookie's secret. A session that the browser held before ends: the
/// secret of a signed-in browser was never known before the sign-in. Blocks.
pub(super) fn open(
    store: &dyn Store,
    user: &User,
    before: Option<[u8; 32]>,
    csrf: [u8; 32],
    secret: &str,
    now: Millis,
    code_due: bool,
) -> StoreResult<()> {
    if let Some(old) = before {
        store.end_session(&old, &entry(now, &user.name, "session.rotate", user.id))?;
    }
    let session = Session {
        hash: hash(secret),
        user_id: user.id,
        csrf,
        created_at: now,
        last_used_at: now,
        code_due,
    };
    let action = if code_due { "sign_in.password" } else { "sign_in" };
    store.create_session(&session, &entry(now, &user.name, action, user.id))
}

/// The session of the cookie, if it still holds. Blocks.
pub(super) fn find(
    store: &dyn Store,
    hash: &[u8; 32],
    policy: &SignInPolicy,
    now: Millis,
) -> StoreResult<Option<Viewer>> {
    let millis =
        |duration: std::time::Duration| Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX);
    let found = store.session(
        hash,
        now.saturating_sub(millis(policy.absolute)),
        now.saturating_sub(millis(policy.idle)),
    )?;
    Ok(found
        .filter(|(_, user)| user.disabled_at.is_none())
        // Half a sign-in does not wait for long.
        .filter(|(session, _)| !session.code_due || now - session.created_at < CODE_WAITS_MS)
        .map(|(session, user)| Viewer::new(&session, user, policy)))
}

/// Hash of the session cookie's secret, if the browser sent one.
pub(super) fn presented(headers: &HeaderMap) -> Option<[u8; 32]> {
    cookie::get(headers, SESSION_COOKIE)
        .filter(|value| value.len() == 43)
        .map(hash)
}

/// An entry of the audit log about a person.
pub(super) fn entry(at: Millis, actor: &str, action: &str, user: i64) -> AuditEntry {
    AuditEntry {
        at,
        actor: actor.to_owned(),
        action: action.to_owned(),
        object: format!("user:{user}"),
        detail: String::new(),
    }
}
