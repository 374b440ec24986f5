//! WebSocket frames written by hand, for what no client library would send.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A TCP connection after the upgrade.
pub struct Raw {
    stream: TcpStream,
}

/// A request for an upgrade.
fn request(address: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{request}\r\n")
}

/// The answer to an upgrade: status and the whole head.
pub async fn upgrade(http: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String, TcpStream) {
    upgrade_followed_by(http, path, headers, &[]).await
}

/// The same, with bytes right behind the request.
async fn upgrade_followed_by(
    http: &str,
    path: &str,
    headers: &[(&str, &str)],
    more: &[u8],
) -> (u16, String, TcpStream) {
    let address = http.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = request(address, path, headers);
    stream.write_all(&[request.as_bytes(), more].concat()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap();
        head.push(byte);
    }
    let mut head = String::from_utf8(head).unwrap();
    let status = head[9..12].parse().unwrap();
    let length = head.to_ascii_lowercase().lines().find_map(|line| {
        line.strip_prefix("content-length: ").map(|length| length.trim().parse::<usize>().unwrap())
    });
    if let Some(length) = length {
        let mut body = vec![0; length];
        timeout(PATIENCE, stream.read_exact(&mut body)).await.unwrap().unwrap();
        head.push_str(&String::from_utf8(body).unwrap());
    }
    (status, head, stream)
}

/// The headers of a proper upgrade, without a token.
pub const PROPER: [(&str, &str); 5] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "lore.v1.json"),
];

impl Raw {
    /// A connection that was let in.
    pub async fn open(http: &str, token: &str) -> Self {
        let (status, head, stream) = upgrade(http, &format!("/v1/world/ws?token={token}"), &PROPER).await;
        assert_eq!(status, 101, "{head}");
        Self { stream }
    }

    /// A connection that was let in with these headers more.
    pub async fn open_with(http: &str, token: &str, more: &[(&str, &str)]) -> Self {
        let headers = [&PROPER[..], more].concat();
        let (status, head, stream) = upgrade(http, &format!("/v1/world/ws?token={token}"), &headers).await;
        assert_eq!(status, 101, "{head}");
        Self { stream }
    }

    /// A connection that was let in, and has sent bytes with its request already.
    pub async fn open_followed_by(http: &str, token: &str, more: &[u8]) -> Self {
        let path = format!("/v1/world/ws?token={token}");
        let (status, head, stream) = upgrade_followed_by(http, &path, &PROPER, more).await;
        assert_eq!(status, 101, "{head}");
        Self { stream }
    }

    /// Sends a call as a text frame.
    pub async fn call(&mut self, method: &str) {
        let call = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
        self.frame(0x81, call.as_bytes()).await;
    }

    /// Reads frames until a text that holds this word.
    pub async fn told(&mut self, word: &str) -> String {
        let reading = async {
            loop {
                let (opcode, payload) = self.read_frame().await.expect("a frame");
                let text = String::from_utf8_lossy(&payload).into_owned();
                if opcode == 1 && text.contains(word) {
                    return text;
                }
            }
        };
        timeout(PATIENCE, reading).await.expect("the server says it")
    }

    /// Sends bytes as they are; the server may have closed already.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        // A reset is seen by whoever reads next.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a masked frame (with the mask 0) with any first byte.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            middle @ 126..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend((middle as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.bytes(&frame).await;
    }

    /// Reads frames until the close frame; its code. `None`: the connection ended without one.
    pub async fn close_code(&mut self) -> Option<u16> {
        timeout(PATIENCE, self.read_to_close()).await.expect("the server closes")
    }

    async fn read_to_close(&mut self) -> Option<u16> {
        loop {
            let (opcode, payload) = self.read_frame().await?;
            if opcode == 8 {
                return Some(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])));
            }
        }
    }

    /// The opcode and the payload of the next frame; `None` at the end of the connection.
    async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.ok()? & 0x7f {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((first & 0x0f, payload))
    }

    /// Waits until the server has closed the TCP connection.
    pub async fn ended(&mut self) {
        let mut rest = [0; 4096];
        let reading = async { while let Ok(1..) = self.stream.read(&mut rest).await {} };
        timeout(PATIENCE, reading).await.expect("the connection ends");
    }
}
