//! The signature of a method apart from its arguments: `fn name(&self, ..) -> Call<T>;`.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{FnArg, Receiver, ReceiverKind, ReturnType, Safety, Token, TraitItemFn};

use crate::diagnostics::{Diagnostics, Message, message};
use crate::parse::{Args, Method, Parsed, Reply, ReplyKind, return_type, take_marker};

/// Rejects the qualifiers of the `fn`. The message for `async` also shows the return type.
pub(crate) fn check_qualifiers(method: &TraitItemFn, diagnostics: &Diagnostics) {
    let sig = &method.sig;
    let reject = |token: &dyn ToTokens, name: &str| {
        diagnostics.error_at(token, message!("an endpoint is a plain method; remove `{name}`"));
    };
    if let Some(token) = &sig.constness {
        reject(token, "const");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        reject(token, "unsafe");
    }
    if let Some(abi) = &sig.abi {
        reject(abi, "extern");
    }
    if let Some(token) = &sig.variadic {
        reject(token, "...");
    }
    if let Some(token) = &sig.asyncness {
        let reply = return_type::shown(&return_type::intended(&sig.output));
        let text = message!(
            "an endpoint is not `async`: it returns a `Call`, which is sent when it is awaited; write `fn {}(..) -> Call<{reply}>`",
            sig.ident
        );
        diagnostics.error_at(token, text);
    }
}

/// The `self` of `&self`.
pub(crate) fn receiver(method: &mut TraitItemFn, diagnostics: &Diagnostics) -> Option<Token![self]> {
    let Some(FnArg::Receiver(receiver)) = method.sig.inputs.first_mut() else {
        let text = message!("an endpoint is called on a client; write `&self` as its first argument");
        diagnostics.error_at(&method.sig.ident, text);
        return None;
    };
    if !matches!(take_marker(&mut receiver.attrs, &Diagnostics::default()), Parsed::Absent) {
        diagnostics.error_at(&*receiver, message!("`self` is the client and needs no marker; write `&self`"));
    } else if !is_shared(receiver) {
        diagnostics.error_at(&*receiver, message!("an endpoint borrows its client; write `&self`"));
    }
    Some(receiver.self_token)
}

/// Whether a receiver is `&self`.
pub(crate) fn is_shared(receiver: &Receiver) -> bool {
    matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) && receiver.mutability.is_none()
}

/// Reads the return type.
pub(crate) fn reply(method: &TraitItemFn, args: &Args, diagnostics: &Diagnostics) -> Option<Reply> {
    let sig = &method.sig;
    let reply = Reply::read(&sig.output, args.is_raw);
    match (&sig.output, &reply) {
        _ if sig.asyncness.is_some() => {}
        (ReturnType::Type(_, ty), Some(reply)) => {
            if matches!(args.method.as_valid(), Some(Method::Head)) && reply.kind != ReplyKind::Empty {
                diagnostics.error_at(ty, message!("the reply to `head` has no body; write `-> Call<()>`"));
            } else if return_type::is_opaque(ty.to_token_stream()) || return_type::is_inferred(ty.to_token_stream()) {
                let text =
                    message!("the type of a reply must be named; write a type or a type parameter of the method");
                diagnostics.error_at(ty, text);
            } else if let Some(token) = return_type::borrow(ty) {
                diagnostics.error_at(
                    token,
                    message!("a reply owns its data; write `String` for `&str` and `Vec<T>` for `&[T]`"),
                );
            }
        }
        (ReturnType::Type(_, ty), None) => diagnostics.error_at(ty, not_a_call(ty, &sig.output)),
        (ReturnType::Default, _) => {
            let text = message!(
                "an endpoint returns a `Call`; write `-> Call<Customer>`, or `-> Call<()>` if the reply is empty"
            );
            diagnostics.error_at_span(sig.paren_token.span.close(), text);
        }
    }
    reply
}

fn not_a_call(ty: &syn::Type, output: &ReturnType) -> Message {
    if return_type::last_segment(ty)
        .is_some_and(|segment| segment.ident == "Call" && return_type::has_no_arguments(segment))
    {
        return message!("`Call` needs the type of the reply: `Call<Customer>`, or `Call<()>` if it is empty");
    }
    let reply = return_type::shown(&return_type::intended(output));
    message!("an endpoint returns a `Call`, which gives a `Result` when it is awaited; write `-> Call<{reply}>`")
}

/// Rejects a body, because the macro writes it.
pub(crate) fn check_body(method: &TraitItemFn, diagnostics: &Diagnostics) {
    if let Some(body) = &method.default {
        let text = message!("an endpoint is declared in a trait, and the macro writes its body; write `;` instead");
        diagnostics.error_at_span(body.span(), text);
    }
}
