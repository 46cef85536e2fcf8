//! Authentication: a request must be signed with one of the server's keys, or contain its token. This is checked before
//! anything else.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

use crate::wire::signature::{self, Authorization};

use super::body;
use super::failure::Outcome;
use super::refusal::Refusal;
use super::service::Service;

/// The largest difference between a signing date and the server's clock, in either direction.
const SKEW: SignedDuration = SignedDuration::from_mins(15);
const TOKEN_HEADER: &str = "x-auth-token";

/// The credentials in the head of a request.
enum Claim<'a> {
    /// The correct token; nothing else has to be checked.
    Token,
    /// A signature, which is checked when the body is available.
    Signature { authorization: Authorization, secret_key: &'a SecretString },
}

/// Refuses requests with wrong credentials.
pub(crate) async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    match admit(&service, request).await {
        Ok(request) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

async fn admit(service: &Service, request: Request) -> Outcome<Request> {
    let (parts, body) = request.into_parts();
    let headers: Vec<(&str, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let claim = match claim(service, &signed_request(&parts, &headers, &[])) {
        Ok(claim) => claim,
        Err(failure) => {
            body::drain(body).await;
            return Err(failure);
        }
    };
    let body = body::receive(body, service.client_patience).await?;
    if let Claim::Signature { authorization, secret_key } = claim {
        let request = signed_request(&parts, &headers, &body);
        signature::verify(&request, &authorization, secret_key.expose_secret()).map_err(|mismatch| {
            // Like the service, includes the canonical request: comparing it with the client's own explains a wrong
            // signature.
            let canonical = mismatch.canonical_request.replace('\n', "|");
            unauthenticated(format!("verify aksk signature fail, canonicalRequest:{canonical}"))
        })?;
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The gateway's 401 error. All its messages start the same way.
fn unauthenticated(cause: impl std::fmt::Display) -> Refusal {
    Refusal::new("APIGW.0301", format!("Incorrect IAM authentication information: {cause}"))
}

fn signed_request<'a>(
    parts: &'a Parts,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
) -> signature::SignableRequest<'a> {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    signature::SignableRequest { method: parts.method.as_str(), path, query, headers, body }
}

fn claim<'a>(service: &'a Service, request: &signature::SignableRequest<'_>) -> Outcome<Claim<'a>> {
    let header = |name: &str| request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    if let Some(authorization) = header("authorization") {
        return signature_claim(service, request, authorization);
    }
    let token = header(TOKEN_HEADER).ok_or_else(|| unauthenticated("x-auth-token not found"))?;
    if service.keys.is_token(token) {
        return Ok(Claim::Token);
    }
    Err(unauthenticated("decrypt token fail").into())
}

fn signature_claim<'a>(
    service: &'a Service,
    request: &signature::SignableRequest<'_>,
    authorization: &str,
) -> Outcome<Claim<'a>> {
    let malformed = || unauthenticated("the Authorization header is not an SDK-HMAC-SHA256 signature");
    let authorization = Authorization::parse(authorization).ok_or_else(malformed)?;
    let access_key = &authorization.access_key;
    let secret_key = service
        .keys
        .secret_key(access_key)
        .ok_or_else(|| unauthenticated(format!("Get secretKey failed,ak:{access_key},err:ak not exist")))?;
    let signed_at = signature::signed_at(request)
        .ok_or_else(|| unauthenticated("the X-Sdk-Date header is missing or not of the form 20260115T083000Z"))?;
    if service.core.clock.now().duration_since(signed_at).abs() > SKEW {
        let reason = "the X-Sdk-Date header is more than 15 minutes away from the server's clock";
        return Err(unauthenticated(reason).into());
    }
    Ok(Claim::Signature { authorization, secret_key })
}
