//! The HTTP methods that an endpoint may have.

/// An HTTP method, written in lower case in the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The names in the attribute.
    pub(crate) const NAMES: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "get" => Self::Get,
            "head" => Self::Head,
            "post" => Self::Post,
            "put" => Self::Put,
            "patch" => Self::Patch,
            "delete" => Self::Delete,
            _ => return None,
        })
    }

    /// The name in the attribute.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// The name on the wire and of the constant in `http::Method`.
    pub(crate) fn constant(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(crate) fn may_have_body(self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }
}
