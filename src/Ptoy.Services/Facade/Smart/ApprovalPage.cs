using System.Net;
using Ptoy.Client.Workflows;

namespace Ptoy.Services.Facade.Smart;

/// <summary>
/// The page that a browser sees at the authorization endpoint: what is asked and by whom, the link for the patient's dApp or command line,
/// and a
/// script that goes on once the person has decided. Keys never come near this page.
/// </summary>
internal static class ApprovalPage
{
    public static async Task SendAsync(HttpContext http, string url, AppRequest request)
    {
        string nonce = SmartState.NewSecret();
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.ContentSecurityPolicy = $"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        await http.Response.WriteAsync(Html(url, request, nonce));
    }

    private static string Html(string url, AppRequest request, string nonce)
    {
        string link = $"{url}/auth/approve/{request.Session}";
        string scopes = string.Concat(request.Scopes.Split(' ').Select(s => $"<li><code>{Text(s)}</code></li>"));
        return $$"""
            <!doctype html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{Text(request.Name)}} asks for access</title>
            <style nonce="{{nonce}}">body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}code{overflow-wrap:anywhere}</style></head>
            <body><main>
            <h1>{{Text(request.Name)}} asks for access to your record</h1>
            <p>Account of the app: <code>{{Text(request.App)}}</code></p>
            <p>It asks, for the purpose <code>{{Text(request.Purpose)}}</code>, for:</p><ul>{{scopes}}</ul>
            <p>It gets no more than you have granted both to the app and to this hospital, and only until you revoke either.</p>
            <p>To answer, sign with your account key:</p>
            <p><code>ptoy patient approve-app {{Text(link)}} --keystore FILE</code></p>
            <p role="status" id="state">Waiting for your signature.</p>
            </main>
            <script nonce="{{nonce}}">
            const state = document.getElementById('state');
            async function look() {
              try {
                const answer = await fetch('{{Text($"{url}/auth/session/{request.Session}")}}', { cache: 'no-store' });
                if (!answer.ok) { state.textContent = 'The request has expired. Start again in the app.'; return; }
                const { redirect } = await answer.json();
                if (redirect) { location.replace(redirect); return; }
              } catch { state.textContent = 'The hospital does not answer at present; still trying.'; }
              setTimeout(look, 1500);
            }
            look();
            </script></body></html>
            """;
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
