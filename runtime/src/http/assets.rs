//! The web client: the files of `web/dist`, part of the binary.

use super::problem::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write as _;

#[derive(RustEmbed)]
#[folder = "../web/dist/"]
#[allow_missing = true]
struct Dist;

/// Nothing but our own files, and our own socket.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; \
    style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const NO_CLIENT: &str = "<!doctype html><meta charset=utf-8><title>Loreforge</title>\
    <h1>Loreforge</h1><p>The server runs, but this build has no web client. \
    Build it with <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, then build the server \
    again.<p>The HTTP interface is described at <a href=/openapi.json>/openapi.json</a>.";

/// Whatever no route has: a file of the web client, or 404.
pub(super) async fn serve(request: Request) -> Response {
    let path = asset_path(request.uri());
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match Dist::get(path).filter(|_| is_read) {
        Some(file) => answer(path, &file, request.headers()),
        None if is_read && path == "index.html" => {
            let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
            (policy, Html(NO_CLIENT)).into_response()
        }
        None => Problem::not_found("there is nothing here").into_response(),
    }
}

fn asset_path(uri: &Uri) -> &str {
    match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    }
}

fn answer(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let mut tag = String::with_capacity(34);
    for byte in file.metadata.sha256_hash().iter().take(16) {
        // Writing to a String cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    let tag = format!("\"{tag}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
    // The tag is checked every time: a page and its modules must be of one build.
    let conduct = [
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if fresh {
        return (StatusCode::NOT_MODIFIED, conduct).into_response();
    }
    (conduct, [(header::CONTENT_TYPE, content_type(path))], file.data.clone()).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
