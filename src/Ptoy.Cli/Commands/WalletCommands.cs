using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Cli.Wallet;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy wallet</c>: PTOY, storage, and the Ether address.</summary>
internal static class WalletCommands
{
    private static readonly ContractId Token = ContractId.Single("Token");

    public static Command Build(SharedOptions shared) => new PtoyCommand("wallet", "PTOY and what it buys.")
        .With(Address(shared), Ether(shared), Balance(shared), Transfer(shared), BuyStorage(shared), Quota(shared));

    private static Argument<string?> WhoseArgument() => new("account") { Description = "whose; absent: the keystore's", Arity = ArgumentArity.ZeroOrOne };

    private static PtoyCommand Address(SharedOptions shared) =>
        new PtoyCommand("address", "Shows the account that PTOY is sent to.", "ptoy wallet address --keystore me.keystore")
            .With(shared.Keys)
            .Does(call => ShowAsync(call, shared, keys => keys.Address.ToString(), "address"));

    private static PtoyCommand Ether(SharedOptions shared) =>
        new PtoyCommand("ether", "Shows the Ether address of the same phrase (m/44'/60'/0'/0/n).", "ptoy wallet ether --keystore me.keystore")
            .With(shared.Keys)
            .Does(call => ShowAsync(call, shared, keys => keys.Ether.Address, "ether"));

    private static PtoyCommand Balance(SharedOptions shared)
    {
        Argument<string?> whose = WhoseArgument();
        return new PtoyCommand("balance", "Shows an account's PTOY.", "ptoy wallet balance --keystore me.keystore", "ptoy wallet balance ptoy1… --genesis genesis.json --json")
            .With([whose, .. shared.Signed])
            .Does(async call =>
            {
                (Address account, NodeConnection node, IAsyncDisposable owned) = await WhoAsync(call, shared, whose);
                await using IAsyncDisposable _ = owned;
                JsonElement answer = await node.ViewAsync(Token, "balanceOf", [account.ToString()], call.Cancellation);
                long micro = long.Parse(answer.GetString()!, CultureInfo.InvariantCulture);
                call.Output.Result(new { account = account.ToString(), microPtoy = answer.GetString(), ptoy = Amount.Text(micro) }, $"{Amount.Text(micro)} PTOY");
            });
    }

    private static PtoyCommand Transfer(SharedOptions shared)
    {
        var to = new Argument<string>("to") { Description = "who gets it" };
        var amount = new Argument<string>("amount") { Description = "in PTOY, at most 6 decimals" };
        return new PtoyCommand("transfer", "Sends PTOY.", "ptoy wallet transfer ptoy1… 12.5 --keystore me.keystore")
            .With([to, amount, .. shared.Signed])
            .Does(async call =>
            {
                Address receiver = call.AddressOf(to);
                long micro = Amount.Parse(amount.Name, call.Get(amount));
                await using Session session = await call.ConnectAsync(shared);
                using var sender = new TransactionSender(session.Node);
                Receipt receipt = await sender.SendAsync(Token, "transfer", [receiver.ToString(), micro.ToString(CultureInfo.InvariantCulture)], call.Cancellation);
                call.Output.Result(
                    new { to = receiver.ToString(), ptoy = Amount.Text(micro), transaction = receipt.Transaction.ToString(), height = receipt.Height },
                    $"{Amount.Text(micro)} PTOY sent to {receiver} at height {receipt.Height}");
            });
    }

    private static PtoyCommand BuyStorage(SharedOptions shared)
    {
        var megabytes = new Option<int>("--megabytes") { Description = "how much, in 10⁶ bytes", Required = true, HelpName = "MB" };
        var months = new Option<int>("--months") { Description = "for how long, in 30 days", DefaultValueFactory = _ => 1, HelpName = "N" };
        var whose = new Option<string?>("--for") { Description = "whose storage; absent: your own", HelpName = "ACCOUNT" };
        return new PtoyCommand("buy-storage", "Buys room for records.", "ptoy wallet buy-storage --megabytes 100 --months 12 --keystore me.keystore")
            .With([megabytes, months, whose, .. shared.Signed])
            .Does(async call =>
            {
                if (call.Get(megabytes) < 1) throw CliException.Usage("--megabytes: below 1");
                if (call.Get(months) < 1) throw CliException.Usage("--months: below 1");
                Address? other = call.AddressOf(whose);
                await using Session session = await call.ConnectAsync(shared);
                using var sender = new TransactionSender(session.Node);
                Receipt receipt = await sender.SendAsync(
                    Token, "buyStorage", [(other ?? session.Account).ToString(), call.Get(megabytes), call.Get(months)], call.Cancellation);
                using JsonDocument result = JsonDocument.Parse(receipt.Result);
                long paid = long.Parse(result.RootElement.GetProperty("amount").ToString(), CultureInfo.InvariantCulture);
                call.Output.Result(
                    new { megabytes = call.Get(megabytes), months = call.Get(months), ptoy = Amount.Text(paid), height = receipt.Height },
                    $"{call.Get(megabytes)} MB for {call.Get(months)} months: {Amount.Text(paid)} PTOY");
            });
    }

    private static PtoyCommand Quota(SharedOptions shared)
    {
        Argument<string?> whose = WhoseArgument();
        return new PtoyCommand("quota", "Shows how much room records have, and how much is used.", "ptoy wallet quota --keystore me.keystore")
            .With([whose, .. shared.Signed])
            .Does(async call =>
            {
                (Address account, NodeConnection node, IAsyncDisposable owned) = await WhoAsync(call, shared, whose);
                await using IAsyncDisposable _ = owned;
                JsonElement quota = await node.ViewAsync(Token, "quota", [account.ToString()], call.Cancellation);
                call.Output.Result(
                    quota, $"free  {quota.GetProperty("freeUsed")} of {quota.GetProperty("freeBytes")} bytes used",
                    $"paid  {quota.GetProperty("paidUsed")} of {quota.GetProperty("paidBytes")} bytes used");
            });
    }

    private static Task ShowAsync(Call call, SharedOptions shared, Func<AccountKeys, string> what, string name)
    {
        using Keystore keystore = call.OpenKeystore(shared);
        using AccountKeys keys = keystore.Account(call.Get(shared.Account));
        call.Output.Result(new Dictionary<string, string> { [name] = what(keys) }, what(keys));
        return Task.CompletedTask;
    }

    /// <summary>A named account needs no keystore to be looked at.</summary>
    private static async Task<(Address Account, NodeConnection Node, IAsyncDisposable Owned)> WhoAsync(Call call, SharedOptions shared, Argument<string?> whose)
    {
        if (call.GetOptional(whose) is { } text)
        {
            Address named = Call.AddressOf(whose, text);
            NodeConnection node = await call.ConnectAnonymouslyAsync(shared);
            return (named, node, node);
        }
        Session session = await call.ConnectAsync(shared);
        return (session.Account, session.Node, session);
    }
}
