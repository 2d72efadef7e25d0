//! What a method's signature must be besides its arguments: `fn name(&self, ..) -> Call<T>;`.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{FnArg, Receiver, ReceiverKind, ReturnType, Safety, Token, TraitItemFn};

use crate::args::Args;
use crate::marker::Marked;
use crate::mistake::Mistakes;
use crate::reply::{self, Form, Reply};
use crate::verb::Verb;

/// Records qualifiers of the `fn`, other than `async`, which is reported with the return type.
pub(crate) fn check_qualifiers(method: &TraitItemFn, mistakes: &mut Mistakes) {
    let sig = &method.sig;
    let mut refuse = |token: &dyn ToTokens, name: &str| {
        mistakes.at(token, format!("an endpoint is a plain method; remove `{name}`"));
    };
    if let Some(token) = &sig.constness {
        refuse(token, "const");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(token, "unsafe");
    }
    if let Some(abi) = &sig.abi {
        refuse(abi, "extern");
    }
    if let Some(token) = &sig.variadic {
        refuse(token, "...");
    }
    if let Some(token) = &sig.asyncness {
        let reply = reply::shown(&reply::intended(&sig.output));
        let text = format!(
            "an endpoint is not `async`: it returns a `Call`, which is sent when it is awaited; write `fn {}(..) -> Call<{reply}>`",
            sig.ident
        );
        mistakes.at(token, text);
    }
}

/// The `self` of `&self`.
pub(crate) fn receiver(method: &mut TraitItemFn, mistakes: &mut Mistakes) -> Option<Token![self]> {
    let Some(FnArg::Receiver(receiver)) = method.sig.inputs.first_mut() else {
        let text = "an endpoint is called on a client; write `&self` as its first argument";
        mistakes.at(&method.sig.ident, text);
        return None;
    };
    if !matches!(Marked::take(&mut receiver.attrs, &mut Mistakes::default()), Marked::Unmarked) {
        mistakes.at(&*receiver, "`self` is the client, which needs no marker; write `&self`");
    } else if !is_shared(receiver) {
        mistakes.at(&*receiver, "an endpoint borrows the client that it is called on; write `&self`");
    }
    Some(receiver.self_token)
}

/// Whether a receiver is `&self`.
pub(crate) fn is_shared(receiver: &Receiver) -> bool {
    matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) && receiver.mutability.is_none()
}

/// What the return type says about the reply.
pub(crate) fn reply(method: &TraitItemFn, args: &Args, mistakes: &mut Mistakes) -> Option<Reply> {
    let sig = &method.sig;
    let reply = Reply::read(&sig.output, args.is_raw);
    match (&sig.output, &reply) {
        _ if sig.asyncness.is_some() => {}
        (ReturnType::Type(_, ty), Some(reply)) => {
            if matches!(args.verb.get(), Some(Verb::Head)) && reply.form != Form::Empty {
                mistakes.at(ty, "the reply to `head` has no body; write `-> Call<()>`");
            } else if reply::is_opaque(ty.to_token_stream()) {
                let text = "the type of a reply is known where it is declared; write its name, or a type parameter of the method";
                mistakes.at(ty, text);
            } else if let Some(token) = reply::borrow(ty) {
                mistakes.at(token, "a reply owns what it holds; write `String` for `&str` and `Vec<T>` for `&[T]`");
            }
        }
        (ReturnType::Type(_, ty), None) => mistakes.at(ty, not_a_call(ty, &sig.output)),
        (ReturnType::Default, _) => {
            let text =
                "an endpoint returns a `Call`; write `-> Call<Customer>`, or `-> Call<()>` where the reply is empty";
            mistakes.push(syn::Error::new(sig.paren_token.span.close(), text));
        }
    }
    reply
}

fn not_a_call(ty: &syn::Type, output: &ReturnType) -> String {
    if reply::last_segment(ty).is_some_and(|segment| segment.ident == "Call" && reply::has_no_arguments(segment)) {
        return String::from("say what the reply is: `Call<Customer>`, or `Call<()>` where it is empty");
    }
    let reply = reply::shown(&reply::intended(output));
    format!("an endpoint returns a `Call`, which gives a `Result` when it is awaited; write `-> Call<{reply}>`")
}

/// Records a body, which is the macro's to write.
pub(crate) fn check_body(method: &TraitItemFn, mistakes: &mut Mistakes) {
    if let Some(body) = &method.default {
        let text = "an endpoint is a method that a trait declares, and the macro writes its body; write `;` instead";
        mistakes.push(syn::Error::new(body.span(), text));
    }
}
