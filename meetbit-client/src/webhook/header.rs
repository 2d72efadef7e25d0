//! The three headers of a webhook, read as bounded text.

use http::HeaderMap;

use super::error::Error;

/// The header with the webhook's id, which is the same in every try.
pub const ID: &str = "x-webhook-id";
/// The header with the time of the signature, in ISO 8601.
pub const TIMESTAMP: &str = "x-webhook-timestamp";
/// The header with the signature, in hex.
pub const SIGNATURE: &str = "x-webhook-signature";

/// The values of the headers, not yet verified.
pub(super) struct Headers<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signature: [u8; 32],
}

impl<'a> Headers<'a> {
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, Error> {
        Ok(Self {
            id: id(text(headers, ID)?)?,
            timestamp: timestamp(text(headers, TIMESTAMP)?)?,
            signature: signature(text(headers, SIGNATURE)?)?,
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Error> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Error::missing(name))?;
    if values.next().is_some() {
        return Err(Error::repeated(name));
    }
    value.to_str().map_err(|_| Error::invalid(name, "contains more than visible ASCII"))
}

/// The signed text is `id.timestamp.body`, so the end of an id with a dot could be read as a timestamp. A dot in the timestamp
/// (a fraction) is harmless, because the text before it has no offset and is not a timestamp.
fn id(id: &str) -> Result<&str, Error> {
    match id {
        "" => Err(Error::invalid(ID, "is empty")),
        _ if id.len() > 256 => Err(Error::invalid(ID, "is longer than 256 bytes")),
        _ if id.contains('.') => Err(Error::invalid(ID, "contains a dot, which makes the signed text ambiguous")),
        _ => Ok(id),
    }
}

fn timestamp(timestamp: &str) -> Result<&str, Error> {
    if timestamp.len() > 64 {
        return Err(Error::invalid(TIMESTAMP, "is longer than 64 bytes"));
    }
    Ok(timestamp)
}

fn signature(hex: &str) -> Result<[u8; 32], Error> {
    let mut signature = [0; 32];
    match base16ct::mixed::decode(hex, &mut signature) {
        Ok(decoded) if decoded.len() == 32 => Ok(signature),
        _ => Err(Error::invalid(SIGNATURE, "is not 64 hex digits")),
    }
}
