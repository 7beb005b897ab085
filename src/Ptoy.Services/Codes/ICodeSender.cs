namespace Ptoy.Services.Codes;

/// <summary>Brings a short message to a phone. Implementations never log the number or the text.</summary>
public interface ICodeSender
{
    /// <summary>Sends. Throws <see cref="CodeSendException"/> when it certainly or possibly did not arrive.</summary>
    /// <param name="e164">The number, <c>+16175550123</c>.</param>
    /// <param name="text">The message.</param>
    /// <param name="cancellation">Gives up.</param>
    Task SendAsync(string e164, string text, CancellationToken cancellation);
}

/// <summary>A message could not be sent. The message names the way it was to go, not the number.</summary>
public sealed class CodeSendException(string way, string problem, Exception? inner = null) : Exception($"sending by {way}: {problem}", inner);
