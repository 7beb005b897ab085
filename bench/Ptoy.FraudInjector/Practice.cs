namespace Ptoy.FraudInjector;

/// <summary>What a visit leaves behind: appointment or none, encounter, claim, prescriptions, and everybody's looks at the record.</summary>
internal sealed class Practice(Dice dice, Year year)
{
    public static Line Line(string code, Hospital hospital, string modifier = "") =>
        new(code, modifier, Math.Round(Catalogue.Price[code] * hospital.PriceLevel, 2));

    public static Site SiteOf(Worker worker, DateTime day) =>
        worker.LocumAt is { } other && day.DayOfYear % 5 == 2 ? other.Sites[0] : worker.Site;

    public Bill Visit(Person person, Worker worker, DateTime from, int minutes, string[] codes, string kind = "AMB", bool booked = true, Site? at = null)
    {
        Site site = at ?? SiteOf(worker, from);
        DateTime to = from.AddMinutes(minutes);
        bool remote = kind == "VR";
        var meeting = new Meeting(dice.Id(), person, worker, site, from, to, kind, booked && dice.Chance(0.8));
        // Honest: some visits are billed and seen by people, and the encounter itself is not in what the analytics gets.
        bool documented = dice.Chance(0.97);
        if (documented) year.Meetings.Add(meeting);
        Line[] lines = [.. codes.Select(c => Line(c, site.Hospital))];
        var bill = new Bill(
            dice.Id(), person, worker, site, from, to, from.AddDays(dice.Between(0, 20)).AddHours(dice.Between(1, 9)), lines, remote ? "02" : kind == "EMER" ? "23" : "11",
            Meeting: documented ? meeting.Id : null);
        year.Bills.Add(bill);
        Looks(person, worker, site, bill, kind);
        return bill;
    }

    public void Look(Worker worker, Person person, DateTime time, string purpose = "TREAT", bool emergency = false) =>
        year.Looks.Add(new Look(dice.Id(), worker.Id, person, time, purpose, Emergency: emergency));

    public void Prescribe(Person person, Worker worker, DateTime time, bool controlled, int days)
    {
        string drug = dice.Pick(controlled ? Catalogue.Controlled : Catalogue.Ordinary);
        PrescribeDrug(person, worker, time, drug, days);
        if (dice.Chance(0.3) && worker.Hospital.In(Catalogue.Pharmacy) is [{ } pharmacist, ..]) Look(pharmacist, person, time.AddHours(dice.Between(1, 30)));
    }

    public Script PrescribeDrug(Person person, Worker worker, DateTime time, string drug, int days)
    {
        var script = new Script(dice.Id(), person, worker, time, drug, days);
        year.Scripts.Add(script);
        return script;
    }

    /// <summary>A time of day at which this worker sees people.</summary>
    public DateTime Hour(DateTime day, Worker worker) =>
        worker.Nights && dice.Chance(0.45) ? day.AddHours(dice.Between(0, 6)).AddMinutes(dice.Below(60)) : day.AddHours(8).AddMinutes(dice.Below(570));

    private void Looks(Person person, Worker worker, Site site, Bill bill, string kind)
    {
        DateTime from = bill.From;
        Hospital hospital = site.Hospital;
        Look(worker, person, from.AddMinutes(-dice.Between(1, 15)), kind == "EMER" && dice.Chance(0.3) ? "ETREAT" : "TREAT", emergency: kind == "EMER" && dice.Chance(0.04));
        if (dice.Chance(0.5)) Look(worker, person, from.AddMinutes(dice.Between(3, 40)));
        // Results come later.
        if (dice.Chance(0.25)) Look(worker, person, from.AddDays(dice.Between(1, 6)).AddHours(dice.Between(-2, 2)));
        if (kind != "EMER" && dice.Chance(0.3)) Look(dice.Pick(hospital.In(Catalogue.Desk)), person, from.AddDays(-dice.Between(0, 10)), "HOPERAT");
        if (dice.Chance(0.45)) Look(dice.Pick(hospital.In(Catalogue.Billing)), person, bill.Created.AddHours(-dice.Between(0, 2)), "HPAYMT");
        if (bill.Lines.Any(l => l.Code[0] == '8') && dice.Chance(0.6)) Look(dice.Pick(hospital.In(Catalogue.Laboratory)), person, from.AddHours(dice.Between(1, 20)));
        if (bill.Lines.Any(l => l.Code[0] == '7') && dice.Chance(0.8)) Look(dice.Pick(hospital.In(Catalogue.Radiology)), person, from.AddHours(dice.Between(1, 40)));
        if (worker != person.Doctor && dice.Chance(0.15)) Look(person.Doctor, person, from.AddDays(dice.Between(1, 12)));
        Worker[] peers = [.. hospital.In(worker.Department).Where(w => w != worker)];
        if (peers.Length > 0 && dice.Chance(0.12)) Look(dice.Pick(peers), person, from.AddHours(dice.Between(1, 60)));
    }
}
