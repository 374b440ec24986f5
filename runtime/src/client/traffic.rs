//! Messages over all sockets, counted.

/// Messages and their bytes, one way. A clone counts to the same.
#[derive(Clone)]
pub struct Traffic {
    messages: metrics::Counter,
    bytes: metrics::Counter,
}

impl Traffic {
    /// From clients.
    pub fn received() -> Self {
        Self {
            messages: metrics::counter!("websocket_received_messages_total"),
            bytes: metrics::counter!("websocket_received_bytes_total"),
        }
    }

    /// To clients.
    pub fn sent() -> Self {
        Self {
            messages: metrics::counter!("websocket_sent_messages_total"),
            bytes: metrics::counter!("websocket_sent_bytes_total"),
        }
    }

    /// One more, of so many bytes.
    pub fn count(&self, bytes: usize) {
        self.messages.increment(1);
        self.bytes.increment(bytes as u64);
    }
}
