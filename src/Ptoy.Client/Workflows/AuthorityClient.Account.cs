using Ptoy.Protocol.Crypto;

namespace Ptoy.Client.Workflows;

/// <summary>What a person changes about themselves; what is null stays.</summary>
/// <param name="FullName">Given and family names.</param>
/// <param name="Phone">With country code, or of the authority's region.</param>
/// <param name="BirthDate">yyyy-MM-dd.</param>
public sealed record ChangeStart(string? FullName = null, string? Phone = null, string? BirthDate = null);

/// <summary>A code is on its way to the phone: to the new one, where it changes.</summary>
/// <param name="ChangeId">Names the change.</param>
/// <param name="ExpiresAt">When the code ends.</param>
public sealed record ChangeStarted(string ChangeId, DateTimeOffset ExpiresAt);

/// <summary>Ends a change.</summary>
/// <param name="ChangeId">Names the change.</param>
/// <param name="Code">From the phone.</param>
/// <param name="SigningKey">The account's key, <c>1:hex</c>: it is certified anew.</param>
public sealed record ChangeConfirm(string ChangeId, string Code, string SigningKey);

/// <summary>What the key authority holds about the asking account.</summary>
/// <param name="Account">The account.</param>
/// <param name="FullName">As given.</param>
/// <param name="Phone">E.164.</param>
/// <param name="BirthDate">yyyy-MM-dd, or null.</param>
public sealed record AccountFacts(string Account, string FullName, string Phone, string? BirthDate);

/// <summary>A device that uses an account.</summary>
/// <param name="Id">Random, made by the device: 32 hexadecimal digits.</param>
/// <param name="Label">What the person calls it.</param>
/// <param name="FirstSeen">Day it announced itself first.</param>
/// <param name="LastSeen">Day it announced itself last.</param>
public sealed record DeviceInfo(string Id, string Label, DateTimeOffset FirstSeen, DateTimeOffset LastSeen);

/// <summary>The devices of an account.</summary>
/// <param name="Devices">In the order of their first announcement.</param>
public sealed record DeviceList(DeviceInfo[] Devices);

/// <summary>A device says that it uses the account.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Label">What the person calls it, 1 to 64 characters.</param>
public sealed record AnnounceDevice(string Id, string Label);

/// <summary>A device is taken off the list.</summary>
/// <param name="Id">Its id.</param>
public sealed record ForgetDevice(string Id);

public sealed partial class AuthorityClient
{
    /// <summary>Name of the call for one's own facts, as it is signed.</summary>
    public const string AccountMethod = "authority_account";

    /// <summary>Name of the call that begins a change.</summary>
    public const string ChangeMethod = "authority_startChange";

    /// <summary>Name of the call that ends a change.</summary>
    public const string ConfirmChangeMethod = "authority_confirmChange";

    /// <summary>Name of the call for devices.</summary>
    public const string DevicesMethod = "authority_devices";

    /// <summary>Name of the call by which a device announces itself.</summary>
    public const string AnnounceMethod = "authority_announceDevice";

    /// <summary>Name of the call that takes a device off.</summary>
    public const string ForgetMethod = "authority_forgetDevice";

    /// <summary>What the authority holds about the account.</summary>
    public Task<AccountFacts> AccountAsync(SigningKey account, CancellationToken cancellation = default) =>
        SignedAsync<AccountFacts>("/v1/account", AccountMethod, account, new { }, cancellation);

    /// <summary>Begins a change of name, phone or birth date.</summary>
    public Task<ChangeStarted> StartChangeAsync(SigningKey account, ChangeStart change, CancellationToken cancellation = default) =>
        SignedAsync<ChangeStarted>("/v1/account/change/start", ChangeMethod, account, change, cancellation);

    /// <summary>Ends a change: the account is certified anew, and tokens are made of the new facts from now on.</summary>
    public Task<AccountFacts> ConfirmChangeAsync(SigningKey account, string changeId, string code, CancellationToken cancellation = default) =>
        SignedAsync<AccountFacts>("/v1/account/change/confirm", ConfirmChangeMethod, account, new ChangeConfirm(changeId, code, account.Public.ToString()), cancellation);

    /// <summary>The devices that announced themselves.</summary>
    public async Task<IReadOnlyList<DeviceInfo>> DevicesAsync(SigningKey account, CancellationToken cancellation = default) =>
        (await SignedAsync<DeviceList>("/v1/account/devices", DevicesMethod, account, new { }, cancellation)).Devices;

    /// <summary>Announces this device.</summary>
    public async Task<IReadOnlyList<DeviceInfo>> AnnounceAsync(SigningKey account, AnnounceDevice device, CancellationToken cancellation = default) =>
        (await SignedAsync<DeviceList>("/v1/account/devices/announce", AnnounceMethod, account, device, cancellation)).Devices;

    /// <summary>Takes a device off the list. Its key still counts: one that was stolen needs a new key (see the authority's revocation).</summary>
    public async Task<IReadOnlyList<DeviceInfo>> ForgetAsync(SigningKey account, string deviceId, CancellationToken cancellation = default) =>
        (await SignedAsync<DeviceList>("/v1/account/devices/forget", ForgetMethod, account, new ForgetDevice(deviceId), cancellation)).Devices;
}
