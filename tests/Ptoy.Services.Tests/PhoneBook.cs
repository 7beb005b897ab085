using System.Collections.Concurrent;
using Ptoy.Services.Codes;

namespace Ptoy.Services.Tests;

/// <summary>Phones that keep what was sent to them.</summary>
internal sealed class PhoneBook : ICodeSender
{
    public ConcurrentQueue<(string To, string Text)> Messages { get; } = [];

    public bool IsBroken { get; set; }

    public Task SendAsync(string e164, string text, CancellationToken cancellation)
    {
        if (IsBroken) throw new CodeSendException("test", "the gateway cannot be reached");
        Messages.Enqueue((e164, text));
        return Task.CompletedTask;
    }

    public string LastCode(string e164)
    {
        string text = Messages.Last(m => m.To == e164).Text;
        return text.Split(' ').Select(w => w.TrimEnd('.')).First(w => Matching.CodeShape.IsCode(w));
    }
}
