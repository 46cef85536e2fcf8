//! Which certificates are accepted.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::process::Command;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::process::finished;
use crate::scripted::{Answer, Scripted};
use crate::world::Ran;

/// A server for `localhost`, and the certificate of the authority that signed its certificate.
async fn server() -> (Scripted, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = certificate.signed_by(&key, &authority).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    let list = r#"{"functions":[],"resources":[],"next_marker":0,"count":0,"total_count":0}"#;
    let server = Scripted::with_tls(TlsAcceptor::from(Arc::new(config)), move |_, _| Answer::ok(list)).await;
    (server, authority.pem())
}

async fn plan(folder: &std::path::Path, endpoint: &str, more: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    let arguments = [&["plan", "--endpoint", endpoint, "--region", "eu-de", "--project-id", "p", "--token", "t"], more];
    let arguments = arguments.concat();
    command.args(&arguments).current_dir(folder);
    Ran::of(&arguments, folder, finished(command).await)
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_if_it_is_named() {
    let (server, authority) = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fgctl.yaml"), "version: 1\nstack: s\nfunctions: {}\n").expect("it is written");
    std::fs::write(folder.path().join("authority.pem"), authority).expect("it is written");
    std::fs::write(folder.path().join("empty.pem"), "nothing").expect("it is written");

    let stranger = plan(folder.path(), &server.url, &[]).await;
    assert_eq!(stranger.code, Some(1));
    insta::assert_snapshot!(stranger.transcript());
    assert!(!stranger.stderr.contains("Trying again"), "a certificate is the same the next time: {}", stranger.stderr);
    assert_eq!(server.requests().len(), 0, "nothing was sent to the unverified server");

    let known = plan(folder.path(), &server.url, &["--ca-file", "authority.pem"]).await;
    assert_eq!((known.code, known.stderr.as_str()), (Some(0), ""));

    let believed = plan(folder.path(), &server.url, &["--insecure"]).await;
    assert_eq!(believed.code, Some(0));
    assert_eq!(believed.stderr, "warning: --insecure disables certificate verification\n");

    let empty = plan(folder.path(), &server.url, &["--ca-file", "empty.pem"]).await;
    insta::assert_snapshot!(empty.transcript());
}
