//! A server with scripted answers, including some that no HTTP library would send, which records its requests. An
//! answer that is never requested fails its test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use fgctl::client::{Client, Credentials, Endpoint, Options};

use crate::patience::within;

pub(crate) struct Scripted {
    pub(crate) url: String,
    asked: Arc<Asked>,
    /// The smallest number of requests that must arrive.
    least: usize,
}

type AnswerTo = dyn Fn(&Request, usize) -> Answer + Send + Sync;

/// The requests so far.
#[derive(Default)]
struct Asked {
    requests: Mutex<Vec<Request>>,
    arrived: Notify,
    /// Whether the test's function panicked, which only its task would notice.
    panicked: AtomicBool,
}

/// One request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query as sent; for a proxy, the whole URL.
    pub(crate) target: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

pub(crate) enum Answer {
    /// Status, optionally another header, body.
    Reply(u16, Option<(&'static str, &'static str)>, String),
    /// The connection ends without an answer.
    Reset,
    /// The connection ends in the middle of this body.
    Broken(&'static str),
    /// The connection stays open, but only the start of this body arrives.
    Stuck(&'static str),
}

impl Answer {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Reply(200, None, body.into())
    }

    /// A refusal in the service's format.
    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Self {
        Self::Reply(status, None, format!(r#"{{"error_code":"{code}","error_msg":"{message}"}}"#))
    }
}

impl Scripted {
    /// Answers depending on the request and the number of earlier requests.
    pub(crate) async fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(answer)).await
    }

    /// The same for `https://localhost`.
    pub(crate) async fn with_tls(
        acceptor: TlsAcceptor,
        answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(acceptor), Arc::new(answer)).await
    }

    async fn listen(acceptor: Option<TlsAcceptor>, answer: Arc<AnswerTo>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let url = match acceptor {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let asked = Arc::new(Asked::default());
        let accepted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, asked, acceptor) = (Arc::clone(&answer), Arc::clone(&accepted), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, &*answer, &asked).await,
                        Some(acceptor) => {
                            // If the TLS handshake fails, there is no client to serve.
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, &*answer, &asked).await;
                            }
                        }
                    }
                });
            }
        });
        Self { url, asked, least: 1 }
    }

    /// The address of a server that gives this answer to every request.
    pub(crate) async fn raw(said: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // The client may already be gone.
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(said).await;
            }
        });
        format!("http://{address}")
    }

    /// Gives these answers in order, and then repeats the last one.
    pub(crate) async fn in_turn(answers: Vec<fn() -> Answer>) -> Self {
        let least = answers.len();
        let mut server = Self::start(move |_, before| answers[before.min(answers.len() - 1)]()).await;
        server.least = least;
        server
    }

    /// Expects no requests.
    pub(crate) async fn unasked() -> Self {
        let mut server = Self::start(|request, _| panic!("unexpected request: {request:?}")).await;
        server.least = 0;
        server
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.asked.requests.lock().expect("no panic").clone()
    }

    /// Waits for a request, which may already have arrived.
    pub(crate) async fn asked(&self) {
        within("a request", self.asked.arrived.notified()).await;
    }

    /// A client for project `p` that never waits on its own.
    pub(crate) fn client(&self, change: impl FnOnce(&mut Options)) -> Client {
        let mut options = Options { random: || 0.0, ..Options::default() };
        change(&mut options);
        let url = self.url.parse().expect("a URL");
        let endpoint = Endpoint { url, region: "eu-de".to_owned(), project_id: "p".to_owned() };
        let (access_key, secret_key) = ("AK".to_owned(), "the-secret-key".into());
        let credentials =
            Credentials::Keys { access_key, secret_key, security_token: Some("the-security-token".into()) };
        Client::new(endpoint, credentials, options).expect("a client")
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(!self.asked.panicked.load(Ordering::Relaxed), "answering a request panicked; see above");
        let requests = self.requests().len();
        assert!(requests >= self.least, "{} answers were prepared, and only {requests} were asked for", self.least);
    }
}

/// Records that the task panics.
struct Watch<'a>(&'a AtomicBool);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::Relaxed);
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &AnswerTo, asked: &Asked) {
    let Some(request) = read(&mut stream).await else { return };
    let before = {
        let mut requests = asked.requests.lock().expect("no panic");
        requests.push(request.clone());
        requests.len() - 1
    };
    asked.arrived.notify_one();
    let answer = {
        let _watch = Watch(&asked.panicked);
        answer(&request, before)
    };
    // It does not matter whether the client still reads.
    match answer {
        Answer::Reply(status, header, body) => {
            let header = header.map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
            let head = format!("HTTP/1.1 {status} -\r\nx-request-id: id-{before}\r\n{header}connection: close\r\n");
            let _ = stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        }
        Answer::Reset => {}
        Answer::Broken(start) => {
            let _ = stream.write_all(unfinished(start).as_bytes()).await;
        }
        Answer::Stuck(start) => {
            let _ = stream.write_all(unfinished(start).as_bytes()).await;
            let _ = stream.read(&mut [0]).await;
        }
    }
}

fn unfinished(start: &str) -> String {
    format!("HTTP/1.1 200 -\r\ncontent-length: {}\r\n\r\n{start}", start.len() + 1)
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_length = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..head_length].to_vec()).ok()?;
    let (first, headers) = head.split_once("\r\n")?;
    let mut words = first.split(' ').map(str::to_owned);
    let headers: BTreeMap<String, String> = headers
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(Some(0), |length| length.parse().ok())?;
    while bytes.len() < head_length + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[head_length + 4..]).into_owned();
    Some(Request { method: words.next()?, target: words.next()?, headers, body })
}
