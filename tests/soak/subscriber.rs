//! Subscribers of topics: one is slow, the other does not answer until the end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// How long the slow one takes, and how long the other one keeps its clients waiting.
const SLOW: Duration = Duration::from_secs(2);
const STUCK: Duration = Duration::from_mins(1);

pub(crate) struct Subscribers {
    quick: Arc<AtomicBool>,
    told: Arc<Mutex<BTreeSet<String>>>,
    addresses: [(&'static str, String); 2],
}

impl Subscribers {
    pub(crate) async fn start() -> Self {
        let (quick, told) = (Arc::default(), Arc::default());
        let addresses = [("slow", serve(SLOW, &quick, &told).await), ("stuck", serve(STUCK, &quick, &told).await)];
        Self { quick, told, addresses }
    }

    /// The flags that subscribe them.
    pub(crate) fn flags(&self) -> Vec<String> {
        self.addresses.iter().flat_map(|(topic, url)| ["--subscribe".to_owned(), format!("{topic}={url}")]).collect()
    }

    /// From now on, both answer at once.
    pub(crate) fn become_quick(&self) {
        self.quick.store(true, Ordering::SeqCst);
    }

    /// The requests whose end was reported to them.
    pub(crate) fn told(&self) -> BTreeSet<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(wait: Duration, quick: &Arc<AtomicBool>, told: &Arc<Mutex<BTreeSet<String>>>) -> String {
    let (quick, told) = (Arc::clone(quick), Arc::clone(told));
    let take = async move |body: String| {
        if !quick.load(Ordering::SeqCst) {
            tokio::time::sleep(wait).await;
        }
        let message: Value = serde_json::from_str(&body).expect("a whole message");
        let request_id = message["request_context"]["request_id"].as_str().expect("an id").to_owned();
        told.lock().unwrap_or_else(PoisonError::into_inner).insert(request_id);
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, axum::Router::new().fallback(take)).into_future());
    format!("http://{address}/")
}
