//! `GET /v1/world/ws`: who may come in, and the WebSocket handshake. Where the settings say so it is that of
//! `/debug/ws-echo`, too.
//!
//! Done by hand on hyper's upgrade instead of axum's extractor, because that one cannot size the
//! buffers: 131 KiB a connection instead of 8.

use super::Gateway;
use super::connection::Connection;
use super::echo::echo;
use super::meter::Metered;
use crate::abuse::{Abuse, Address, Ban, NoPlace, Offence, Place, Policy, Subject};
use crate::auth::{AuthError, Claims};
use crate::client::frame::Encoding;
use crate::client::limits;
use crate::client::sink::Wire;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Where the socket is that sends back what comes.
const ECHO: &str = "/debug/ws-echo";

/// The routes of the sockets.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let router = Router::new().route("/v1/world/ws", any(upgrade));
    let router = if gateway.echoes { router.route(ECHO, any(upgrade)) } else { router };
    router.with_state(gateway)
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("use GET")]
    Method,
    #[error("this is a WebSocket endpoint: `Connection: Upgrade` and `Upgrade: websocket` are needed")]
    NotAnUpgrade,
    #[error("only version 13 of the WebSocket protocol is spoken")]
    Version,
    #[error("`Sec-WebSocket-Key` is missing")]
    Key,
    #[error("none of the subprotocols asked for is spoken; ask for `lore.v1.json` or `lore.v1.proto`")]
    Subprotocol,
    #[error("this page may not open a connection; the server has to list its origin in `limits.origins`")]
    Origin,
    #[error(
        "a valid access token is needed: `Authorization: Bearer TOKEN`, `?token=TOKEN` or the cookie `lore_token`"
    )]
    Token,
    #[error("the server is going down; connect again in a moment")]
    Draining,
    #[error("this account has {0} connections already; close one")]
    AccountFull(u32),
    #[error("this address has {0} connections already; close one")]
    AddressFull(u32),
    #[error("too many attempts from this address; try again later")]
    TooOften(Duration),
    #[error("{}", .0.told())]
    Banned(Box<Ban>),
    #[error("the server has no room for more connections; try again later")]
    Full,
}

impl Refusal {
    /// Seconds after which to try again, where that may help.
    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Draining | Self::AccountFull(_) | Self::AddressFull(_) | Self::Full => Some(1),
            Self::TooOften(wait) => Some(wait.as_secs() + 1),
            Self::Banned(ban) => ban.left_s(),
            _ => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotAnUpgrade | Self::Version => (StatusCode::UPGRADE_REQUIRED, "upgrade_required"),
            Self::Key => (StatusCode::BAD_REQUEST, "bad_handshake"),
            Self::Subprotocol => (StatusCode::BAD_REQUEST, "unknown_subprotocol"),
            Self::Origin => (StatusCode::FORBIDDEN, "forbidden_origin"),
            Self::Token => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Self::AccountFull(_) | Self::AddressFull(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_connections")
            }
            Self::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Banned(_) => (StatusCode::FORBIDDEN, "banned"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        };
        let problem = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "code": code,
            "detail": self.to_string(),
        });
        let mut response = (status, problem.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self {
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            Self::NotAnUpgrade | Self::Version => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            Self::Token => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

async fn upgrade(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    match accept(gateway, request) {
        Ok(response) => response,
        Err(refusal) => {
            metrics::counter!("websocket_refused_total").increment(1);
            refusal.into_response()
        }
    }
}

fn accept(gateway: Arc<Gateway>, mut request: Request) -> Result<Response, Refusal> {
    let address = address_of(&gateway.abuse, &request);
    if let Some(ban) = gateway.abuse.ban_on(Subject::Address(address.network)) {
        return Err(Refusal::Banned(Box::new(ban)));
    }
    gateway.abuse.count_handshake(address).map_err(Refusal::TooOften)?;
    if request.method() != Method::GET {
        return Err(Refusal::Method);
    }
    let headers = request.headers();
    if !lists(headers, header::CONNECTION, "upgrade") || !lists(headers, header::UPGRADE, "websocket") {
        return Err(Refusal::NotAnUpgrade);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::Version);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?;
    let accept_key = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| Refusal::Key)?;
    let offers_any = headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL);
    let encoding = match offers_any {
        true => preferred(headers).ok_or(Refusal::Subprotocol)?,
        false => Encoding::Json,
    };
    check_origin(&gateway.abuse.policy(), headers)?;
    if gateway.is_draining() {
        return Err(Refusal::Draining);
    }
    let token = find_token(&request).ok_or(Refusal::Token)?;
    let claims = gateway.auth.verify(&token).map_err(|error| {
        // An old one is no guess.
        if error == AuthError::Invalid {
            gateway.abuse.offend_from(address, Offence::BadToken);
        }
        Refusal::Token
    })?;
    let place = gateway.abuse.enter(address, claims.account, &claims.username);
    let place = Arc::new(place.map_err(|no_place| match no_place {
        NoPlace::Account(most) => Refusal::AccountFull(most),
        NoPlace::Address(most) => Refusal::AddressFull(most),
        NoPlace::Server => Refusal::Full,
        NoPlace::Banned(ban) => Refusal::Banned(ban),
    })?);
    let is_echo = request.uri().path() == ECHO;
    let upgraded = hyper::upgrade::on(&mut request);
    begin(gateway, upgraded, is_echo, encoding, claims, token, place);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key);
    if offers_any {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(encoding.subprotocol()));
    }
    Ok(response)
}

/// Speaks with who was let in, once the answer has gone out. An `async fn` would keep its arguments twice in each task.
fn begin(
    gateway: Arc<Gateway>,
    upgraded: OnUpgrade,
    is_echo: bool,
    encoding: Encoding,
    claims: Claims,
    token: String,
    place: Arc<Place>,
) {
    let tracker = gateway.connections.clone();
    tracker.spawn(async move {
        match upgraded.await {
            Ok(upgraded) => {
                // The stream itself: what hyper puts around it is paid for with every message.
                let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
                    return tracing::error!("a WebSocket over something that is not TCP");
                };
                let wire = Wire::new(parts.io.into_inner());
                let stream = Metered::new(wire, &parts.read_buf, Arc::clone(&place));
                let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(socket_config()));
                if is_echo {
                    // Apart, so that the world's connections need no memory for it.
                    return Box::pin(echo(gateway, socket.await, place)).await;
                }
                let socket = socket.await;
                let connection = Connection::new(gateway, socket, encoding, claims, token, place);
                Box::new(connection).run().await;
            }
            Err(error) => tracing::debug!(%error, "a client went away during the upgrade"),
        }
    });
}

/// Where a request comes from; whose peer is not known comes from nowhere, which is one place too.
fn address_of(abuse: &Abuse, request: &Request) -> Address {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    abuse.address(peer, request.headers())
}

fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(limits::READ_BUFFER)
        .write_buffer_size(limits::WRITE_BUFFER)
        .max_message_size(Some(limits::MESSAGE_BYTES))
        .max_frame_size(Some(limits::MESSAGE_BYTES))
}

/// Whether a header that holds a list of words holds this one.
fn lists(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    words(headers, name).any(|known| known.eq_ignore_ascii_case(word))
}

/// The words of a header that holds a list of them.
fn words(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// The first of the client's subprotocols that is spoken here: it lists them by its preference.
fn preferred(headers: &HeaderMap) -> Option<Encoding> {
    let known = |word: &str| Encoding::ALL.into_iter().find(|it| it.subprotocol().eq_ignore_ascii_case(word));
    words(headers, header::SEC_WEBSOCKET_PROTOCOL).find_map(known)
}

/// A browser says which page asks. Without a list of allowed pages only our own is let in;
/// clients that are no browser send no origin and need a token anyway.
fn check_origin(policy: &Policy, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().map_err(|_| Refusal::Origin)?;
    if policy.allows_page(origin) {
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).ok_or(Refusal::Origin)?;
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    if own { Ok(()) } else { Err(Refusal::Origin) }
}

fn find_token(request: &Request) -> Option<String> {
    let headers = request.headers();
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(value) = bearer {
        let (scheme, token) = value.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned());
    }
    let query = request.uri().query().unwrap_or_default();
    if let Some(token) = query.split('&').find_map(|pair| pair.strip_prefix("token=")) {
        // Access tokens are base64url and dots: nothing in them is ever percent-encoded.
        return Some(token.to_owned());
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("lore_token=").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_our_own_page_and_allowed_ones_may_connect() {
        let own = headers(&[(header::HOST, "127.0.0.1:8080"), (header::ORIGIN, "http://127.0.0.1:8080")]);
        let foreign = headers(&[(header::HOST, "127.0.0.1:8080"), (header::ORIGIN, "https://evil.example")]);
        let mut policy = Policy::default();
        assert!(check_origin(&policy, &own).is_ok());
        assert!(check_origin(&policy, &foreign).is_err());
        assert!(check_origin(&policy, &HeaderMap::new()).is_ok());
        policy.origins = vec!["https://evil.example".parse().expect("an origin")];
        assert!(check_origin(&policy, &foreign).is_ok());
    }

    #[test]
    fn the_first_subprotocol_that_is_spoken_is_taken() {
        let offer = |text| headers(&[(header::SEC_WEBSOCKET_PROTOCOL, text)]);
        assert_eq!(preferred(&offer("mqtt, lore.v1.proto, lore.v1.json")), Some(Encoding::Proto));
        assert_eq!(preferred(&offer("lore.v1.json")), Some(Encoding::Json));
        assert_eq!(preferred(&offer("lore.v2.json")), None);
    }

    #[test]
    fn a_token_is_found_in_all_three_places() {
        let request = |uri: &str, name: &str, value: &str| {
            Request::builder().uri(uri).header(name, value).body(Body::empty()).expect("a request")
        };
        let find = |uri, name, value| find_token(&request(uri, name, value));
        assert_eq!(find("/", "authorization", "Bearer abc").as_deref(), Some("abc"));
        assert_eq!(find("/?a=b&token=abc", "x", "y").as_deref(), Some("abc"));
        assert_eq!(find("/", "cookie", "a=b; lore_token=abc").as_deref(), Some("abc"));
        assert_eq!(find("/", "x", "y"), None);
    }
}
