using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Token transfers between many accounts, with a book of what each account should hold.</summary>
internal sealed class TransferLoad : IDisposable
{
    public const int Accounts = 96;
    public const ulong Opening = 1_000_000_000;
    private const int MaxAmount = 1_000;

    private readonly AccountKeys[] _keys = [.. Enumerable.Range(0, Accounts).Select(_ => Consortium.NewKeys())];
    private readonly long[] _moved = new long[Accounts];
    private Writer[] _writers = [];

    /// <summary>What genesis allots to each.</summary>
    public IReadOnlyDictionary<Address, ulong> Allotments => _keys.ToDictionary(k => k.Address, _ => Opening);

    public IReadOnlyList<Address> Addresses => [.. _keys.Select(k => k.Address)];

    public IReadOnlyList<Writer> Writers => _writers;

    /// <summary>Balances by the certified receipts alone.</summary>
    public IEnumerable<(Address Account, long Balance)> Book =>
        _keys.Select((k, i) => (k.Address, (long)Opening + Interlocked.Read(ref _moved[i])));

    public Task RunAsync(Members members, AckLog acks, int perSecond, int seed, CancellationToken stopping, CancellationToken cancellation)
    {
        _writers = [.. _keys.Select((k, i) => new Writer(k.Signing, members, acks, i % members.All.Count))];
        TimeSpan pause = TimeSpan.FromSeconds((double)Accounts / perSecond);
        return Task.WhenAll(Enumerable.Range(0, Accounts)
            .Select(i => Task.Run(() => SendAsync(i, pause, new Random(seed + i), stopping, cancellation), CancellationToken.None)));
    }

    private async Task SendAsync(int from, TimeSpan pause, Random random, CancellationToken stopping, CancellationToken cancellation)
    {
        // Accounts do not all send at once.
        await Pace.PauseAsync(TimeSpan.FromMilliseconds(1 + random.Next((int)pause.TotalMilliseconds + 1)), stopping).ConfigureAwait(false);
        using var timer = new PeriodicTimer(pause);
        while (!stopping.IsCancellationRequested)
        {
            int to = (from + 1 + random.Next(Accounts - 1)) % Accounts;
            int amount = 1 + random.Next(MaxAmount);
            string arguments = JsonSerializer.Serialize(new[] { _keys[to].Address.ToString(), $"{amount}" });
            var payment = new Payment(_keys[from].Address, _keys[to].Address, (ulong)amount);
            Receipt? receipt = await _writers[from].WriteAsync("transfer", ContractId.Single("Token"), "transfer", arguments, cancellation,
                payment).ConfigureAwait(false);
            if (receipt?.Status == ReceiptStatus.Ok)
            {
                Interlocked.Add(ref _moved[from], -amount);
                Interlocked.Add(ref _moved[to], amount);
            }
            try
            {
                await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public void Dispose()
    {
        foreach (AccountKeys keys in _keys) keys.Dispose();
    }
}
