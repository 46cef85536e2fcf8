//! A client that calls a server in its own process gets the same answers as a client on the server's port.

use std::sync::{Arc, Mutex};

use fgctl::client::{Client, Credentials, Endpoint, Options};
use fgctl::server::{self, Detail, Entry, Journal, RequestEntry};

use crate::patience::within;
use crate::server_harness::Server;
use crate::transcript::stable_everywhere;

struct Both {
    server: Server,
    on_port: Client,
    in_process: Client,
}

impl Both {
    fn new(server: Server, secret_key: &str) -> Self {
        let server::Credentials { region, project_id, access_key, .. } = server.credentials();
        let url = format!("http://{}", server.running.address).parse().expect("a URL");
        let endpoint = Endpoint { url, region: region.clone(), project_id: project_id.clone() };
        let credentials =
            Credentials::Keys { access_key: access_key.clone(), secret_key: secret_key.into(), security_token: None };
        let on_port = Client::new(endpoint.clone(), credentials.clone(), Options::default()).expect("a client");
        let answer = Arc::new(server.running.function_graph.answering());
        let in_process = Client::in_process(answer, endpoint, credentials, Options::default());
        Self { server, on_port, in_process }
    }

    /// Compares the answers to both clients, without the parts that differ for each request.
    async fn compare<T: std::fmt::Debug>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, fgctl::client::Error>,
    ) -> String {
        let shown = async |client: &Client| match within("an answer", call(client)).await {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => {
                let id = error.request_id().expect("every answer has an id").to_owned();
                // A refused signature comes with the time at which it was made.
                stable_everywhere(&error.to_string().replace(&id, "<id>"))
            }
        };
        let (on_port, in_process) = (shown(&self.on_port).await, shown(&self.in_process).await);
        assert_eq!(on_port, in_process);
        in_process
    }
}

fn secret_key(server: &Server) -> String {
    secrecy::ExposeSecret::expose_secret(&server.credentials().secret_key).to_owned()
}

#[tokio::test]
async fn answers_refusals_and_limits_are_the_same() {
    let server = Server::start().await;
    server.create_function("f").await;
    let urn = server.urn("f");
    let key = secret_key(&server);
    let both = Both::new(server, &key);
    assert!(both.compare(async |client| client.list_functions(0).await).await.contains("\"f\""));
    assert!(both.compare(async |client| client.show_function(&urn).await).await.contains("\"f\""));
    let missing = both.server.urn("missing");
    assert!(both.compare(async |client| client.show_function(&missing).await).await.contains("404 FSS.1051"));
    let event = vec![b' '; 256 * 1024 + 1];
    let too_large = both.compare(async |client| client.invoke_async(&urn, event.clone()).await).await;
    assert!(too_large.contains("413 FSS.0413"), "{too_large}");
    let both = Both::new(both.server, "another key");
    let refused = both.compare(async |client| client.list_functions(0).await).await;
    assert!(refused.contains("401 APIGW.0301"), "{refused}");
}

#[tokio::test]
async fn the_journal_records_requests_of_this_process() {
    let entries = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&entries);
    let journal = Journal::new(Detail::Everything, move |entry| {
        if let Entry::Request(RequestEntry { method, path, status, .. }) = entry {
            sink.lock().expect("no panic").push((method, path, status));
        }
    });
    let server = Server::start_with(|settings| settings.options.journal = journal).await;
    let key = secret_key(&server);
    let both = Both::new(server, &key);
    both.compare(async |client| client.list_functions(0).await).await;
    let entries = entries.lock().expect("no panic").clone();
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert_eq!(entries[0], entries[1]);
}
