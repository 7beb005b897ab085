using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Ptoy.EndToEnd.Hl7;

/// <summary>
/// One system that sends: messages about a patient of its own, each a change that the next one depends on, sent again until acknowledged,
/// as interface engines do.
/// </summary>
internal sealed class Sender(int number)
{
    private int _sent;

    /// <summary>Digests of what was acknowledged, in order.</summary>
    public List<string> Acknowledged { get; } = [];

    /// <summary>True for the patient as the last acknowledged message left it, or one more that was sent and not acknowledged.</summary>
    public bool MayBe(string patient) => Names().Any(n => patient.Contains($"\"family\":\"{n}\"", StringComparison.Ordinal));

    /// <summary>Sends until the connection breaks or cancelled; says of each acknowledgement.</summary>
    public async Task RunAsync(int port, Action acknowledged, CancellationToken cancellation)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", port, cancellation).ConfigureAwait(false);
            NetworkStream stream = client.GetStream();
            while (!cancellation.IsCancellationRequested)
            {
                byte[] message = Message(_sent);
                await stream.WriteAsync((byte[])[0x0B, .. message, 0x1C, 0x0D], cancellation).ConfigureAwait(false);
                string? answer = await AnswerAsync(stream, cancellation).ConfigureAwait(false);
                if (answer is null) return;
                if (!answer.Contains($"\rMSA|AA|S{number}M{_sent}\r", StringComparison.Ordinal))
                    throw new InvalidOperationException($"answered {answer}");
                Acknowledged.Add(Convert.ToHexStringLower(SHA256.HashData(message)));
                _sent++;
                acknowledged();
            }
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            // Killed under us: what was not acknowledged is sent again.
        }
    }

    private IEnumerable<string> Names() => [$"Name{number}x{_sent - 1}", $"Name{number}x{_sent}"];

    /// <summary>Sends one message in a block and gives the answer, or null when the connection was closed.</summary>
    public static async Task<string?> SendAsync(NetworkStream stream, byte[] message)
    {
        await stream.WriteAsync((byte[])[0x0B, .. message, 0x1C, 0x0D]).ConfigureAwait(false);
        return await AnswerAsync(stream, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>One of the messages that are sent: the first admits, the others change.</summary>
    public byte[] Message(int count)
    {
        string trigger = count == 0 ? "A01" : "A08";
        string result = count % 3 == 2 ? $"OBX|1|NM|8867-4^Heart rate^LN||{60 + (count % 40)}|/min^^UCUM|||||F\r" : "";
        return Encoding.UTF8.GetBytes(
            $"MSH|^~\\&|APP{number}|HOSP|PTOY|NET|20260301120000+0000||ADT^{trigger}|S{number}M{count}|P|2.5\rEVN|{trigger}|20260301115900\r"
            + $"PID|1||{number}^^^HOSP^MR||Name{number}x{count}^Test||19700102|F\rPV1|1|I|W^1^A||||||||||||||||V{number}^^^HOSP^VN\r{result}");
    }

    /// <summary>The next answer, or null when the connection was closed.</summary>
    public static async Task<string?> AnswerAsync(NetworkStream stream, CancellationToken cancellation)
    {
        var answer = new List<byte>();
        var buffer = new byte[4096];
        while (answer.Count < 2 || answer[^2] != 0x1C)
        {
            int read = await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false);
            if (read == 0) return null;
            answer.AddRange(buffer.AsSpan(0, read));
        }
        return Encoding.UTF8.GetString([.. answer]);
    }
}
