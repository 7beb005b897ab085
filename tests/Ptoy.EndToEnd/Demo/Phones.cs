using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Ptoy.Services.Codes;

namespace Ptoy.EndToEnd.Demo;

/// <summary>The telephones of the people in the demo: a code that is sent can be read by who holds the telephone, and by nobody else.</summary>
public sealed partial class Phones(string sentBy, Action<string> say) : ICodeSender
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<string>> _next = new();

    /// <inheritdoc/>
    public Task SendAsync(string e164, string text, CancellationToken cancellation)
    {
        say($"[telephone {e164}] from {sentBy}: {text}");
        Slot(e164).TrySetResult(text);
        return Task.CompletedTask;
    }

    /// <summary>Waits for the next message to a number and takes the code out of it.</summary>
    public async Task<string> ReadCodeAsync(string e164, TimeSpan patience)
    {
        string text = await Slot(e164).Task.WaitAsync(patience).ConfigureAwait(false);
        _next.TryRemove(e164, out _);
        Match code = Code().Match(text);
        return code.Success ? code.Value : throw new StepFailedException("the message holds no code");
    }

    /// <summary>True when a message came to that number and was not read.</summary>
    public bool HasMessage(string e164) => _next.TryGetValue(e164, out var slot) && slot.Task.IsCompleted;

    private TaskCompletionSource<string> Slot(string e164) => _next.GetOrAdd(e164, _ => new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));

    [GeneratedRegex(@"\b[0-9A-Z]+-[0-9A-Z]{4,}\b|\b\d{6,}\b")]
    private static partial Regex Code();
}
