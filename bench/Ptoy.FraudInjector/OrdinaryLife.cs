namespace Ptoy.FraudInjector;

/// <summary>The honest year of everybody.</summary>
internal sealed class OrdinaryLife(Dice dice, Year year, Practice practice)
{
    public void Live()
    {
        foreach (Person person in year.People.ToArray())
        {
            int visits = dice.Poisson(person.Need);
            for (int i = 0; i < visits; i++) AnyVisit(person, Day());
            if (dice.Chance(0.03)) Series(person, Catalogue.Physiotherapy, ["97110", "97140"], dice.Between(6, 12), 3);
            if (dice.Chance(0.008)) Series(person, Catalogue.Oncology, ["96413", "96415"], dice.Between(4, 8), 21);
            if (dice.Chance(0.012)) Series(person, Catalogue.Psychiatry, ["90834"], dice.Between(8, 20), 7);
            if (dice.Chance(0.002)) Series(person, Catalogue.Nephrology, ["90999"], dice.Between(30, 60), 2);
            if (dice.Chance(0.02)) Pain(person);
            if (dice.Chance(0.06)) Chronic(person);
            if (dice.Chance(0.008 + Age(person) / 6000.0)) Die(person);
        }
    }

    private static int Age(Person person) => (int)((Year.Start - person.Born).TotalDays / 365);

    private DateTime Day()
    {
        DateTime day = Year.Start.AddDays(dice.Below(Year.Days - 30));
        return day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday && dice.Chance(0.85) ? day.AddDays(2) : day;
    }

    private void AnyVisit(Person person, DateTime day)
    {
        switch (dice.Below(100))
        {
            case < 34: Primary(person, day); break;
            case < 50: FollowUp(person, day); break;
            case < 62: Emergency(person, day); break;
            case < 71: Referred(person, day, Catalogue.Cardiology, dice.Chance(0.5) ? ["99204", "93000"] : ["99214", "93000", "93306"], 30); break;
            case < 79: Referred(person, day, Catalogue.Orthopaedics, dice.Chance(0.4) ? ["99204", "73721"] : ["99213", "20610"], 20); break;
            case < 86: Referred(person, day, Catalogue.Radiology, dice.Chance(0.5) ? ["71046"] : ["74177"], 20); break;
            case < 92: Referred(person, day, Catalogue.Surgery, dice.Pick<string[]>([["45378"], ["45380", "88305"], ["43239", "88305"], ["43235"], ["31237"], ["11042"], ["66982"]]), 45); break;
            case < 94: Operation(person, day); break;
            case < 97: Remote(person, day); break;
            default: Referred(person, day, Catalogue.Psychiatry, ["90834"], 50); break;
        }
    }

    private void Primary(Person person, DateTime day)
    {
        Worker doctor = dice.Chance(0.85) ? person.Doctor : dice.Pick(person.Hospital.In(Catalogue.Primary));
        string[] codes = dice.Pick<string[]>([["99213"], ["99213", "87880"], ["99396", "80061", "36415"], ["99396", "80053", "85025", "36415"], ["99213", "81001"], ["99214"]]);
        practice.Visit(person, doctor, practice.Hour(day, doctor), dice.Between(12, 30), codes);
        if (dice.Chance(0.35)) practice.Prescribe(person, doctor, day.AddHours(12), dice.Chance(0.05), dice.Between(5, 30));
    }

    private void FollowUp(Person person, DateTime day)
    {
        string[] codes = dice.Pick<string[]>([["99214", "83036"], ["99214", "80061", "36415"], ["99214", "80048"], ["99213", "85025", "36415"], ["99214", "93000"]]);
        practice.Visit(person, person.Doctor, practice.Hour(day, person.Doctor), dice.Between(15, 30), codes);
        if (dice.Chance(0.5)) practice.Prescribe(person, person.Doctor, day.AddHours(13), dice.Chance(0.04), 90);
    }

    private void Emergency(Person person, DateTime day)
    {
        // Honest: people fall ill on journeys.
        Hospital hospital = dice.Chance(0.07) ? dice.Pick(year.Hospitals) : person.Hospital;
        Worker doctor = dice.Pick(hospital.In(Catalogue.Emergency));
        string[] codes = dice.Pick<string[]>([["99283"], ["99284", "71046"], ["99284", "85025", "80053"], ["99284", "93000", "80048"]]);
        practice.Visit(person, doctor, practice.Hour(day, doctor), dice.Between(40, 200), codes, "EMER", booked: false, at: doctor.Site);
        if (dice.Chance(0.3)) practice.Prescribe(person, doctor, day.AddHours(20), dice.Chance(0.25), dice.Between(3, 7));
    }

    private void Referred(Person person, DateTime day, string department, string[] codes, int minutes)
    {
        Hospital hospital = dice.Chance(0.92) ? person.Hospital : dice.Pick(year.Hospitals);
        Worker specialist = dice.Pick(hospital.In(department));
        if (dice.Chance(0.85))
            year.Bonds.Add(new Bond(dice.Id(), "ServiceRequest", person, dice.Chance(0.5) ? specialist.Id : null, hospital.Id, department, day.AddDays(-dice.Between(2, 35)), null));
        practice.Visit(person, specialist, practice.Hour(day, specialist), minutes, codes);
        if (department == Catalogue.Surgery && dice.Chance(0.3)) practice.Prescribe(person, specialist, day.AddHours(15), dice.Chance(0.5), dice.Between(3, 10));
    }

    private void Operation(Person person, DateTime day)
    {
        Worker surgeon = dice.Pick(person.Hospital.In(Catalogue.Surgery));
        string code = dice.Pick<string>(["29881", "47562"]);
        if (dice.Chance(0.02) && Age(person) is > 19 and < 42) code = "59400";
        practice.Visit(person, surgeon, day.AddHours(8), dice.Between(60, 180), [code], "IMP", at: surgeon.Site);
        // Honest: the stay is billed by the day, by whoever does the round, and night staff looks.
        int days = dice.Between(1, 4);
        for (int i = 1; i <= days; i++)
        {
            practice.Visit(person, surgeon, day.AddDays(i).AddHours(9), 15, ["99232"], "IMP", at: surgeon.Site);
            if (dice.Chance(0.6)) practice.Look(dice.Pick(person.Hospital.In(Catalogue.Emergency)), person, day.AddDays(i).AddHours(dice.Between(0, 5)), "TREAT");
        }
        practice.Prescribe(person, surgeon, day.AddDays(days), true, dice.Between(5, 10));
        practice.Visit(person, surgeon, day.AddDays(days + 12).AddHours(10), 15, ["99213"]);
    }

    private void Remote(Person person, DateTime day) =>
        practice.Visit(person, person.Doctor, practice.Hour(day, person.Doctor), 10, [dice.Chance(0.5) ? "99441" : "G2012"], "VR");

    private void Series(Person person, string department, string[] codes, int count, int every)
    {
        Worker worker = dice.Pick(person.Hospital.In(department));
        DateTime day = Day().AddDays(-60);
        if (day < Year.Start) day = Year.Start;
        year.Bonds.Add(new Bond(dice.Id(), "CareTeam", person, worker.Id, person.Hospital.Id, department, day, day.AddDays(count * every)));
        for (int i = 0; i < count && day < Year.End; i++, day = day.AddDays(every))
            practice.Visit(person, worker, day.AddHours(dice.Between(8, 17)).AddMinutes(dice.Below(50)), 40, codes);
    }

    /// <summary>Honest: people in pain get controlled drugs every month, from a practice whose doctors stand in for one another.</summary>
    private void Pain(Person person)
    {
        string drug = dice.Pick(Catalogue.Controlled);
        Worker[] group = [person.Doctor, .. dice.Chance(0.4) ? person.Hospital.In(Catalogue.Primary).Take(2) : []];
        DateTime day = Year.Start.AddDays(dice.Below(200));
        int months = dice.Between(2, 6);
        for (int i = 0; i < months && day < Year.End; i++, day = day.AddDays(dice.Between(26, 31)))
        {
            Worker doctor = dice.Pick(group);
            practice.Visit(person, doctor, practice.Hour(day, doctor), 15, ["99213"]);
            practice.PrescribeDrug(person, doctor, day.AddHours(14), drug, 28);
        }
        if (dice.Chance(0.2)) practice.Prescribe(person, dice.Pick(person.Hospital.In(Catalogue.Emergency)), day.AddDays(-dice.Between(1, 60)), true, 3);
    }

    private void Chronic(Person person)
    {
        Worker specialist = dice.Pick(person.Hospital.In(dice.Chance(0.5) ? Catalogue.Cardiology : Catalogue.Nephrology));
        year.Bonds.Add(new Bond(dice.Id(), "CareTeam", person, person.Doctor.Id, person.Hospital.Id, Catalogue.Primary, Year.Start.AddDays(-100), null));
        year.Bonds.Add(new Bond(dice.Id(), "CareTeam", person, specialist.Id, person.Hospital.Id, specialist.Department, Year.Start.AddDays(-100), null));
        for (int i = 0; i < dice.Between(2, 5); i++)
        {
            DateTime day = Day();
            practice.Visit(person, specialist, practice.Hour(day, specialist), 25, ["99214", "80053"]);
            if (dice.Chance(0.5)) practice.Look(specialist, person, day.AddDays(dice.Between(10, 80)).AddHours(9));
        }
    }

    private void Die(Person person)
    {
        DateTime death = Year.Start.AddDays(dice.Between(40, Year.Days - 40)).AddHours(dice.Below(24));
        person.Died = death;
        year.Meetings.RemoveAll(m => m.Person == person && m.From > death);
        year.Bills.RemoveAll(b => b.Person == person && b.From > death);
        year.Scripts.RemoveAll(s => s.Person == person && s.Time > death);
        year.Looks.RemoveAll(l => l.Person == person && l.Time > death.AddDays(25));
        // Honest: an examination after death is a service after death.
        if (!dice.Chance(0.12)) return;
        Worker pathologist = dice.Pick(person.Hospital.In(Catalogue.Laboratory));
        Site site = pathologist.Site;
        year.Bills.Add(new Bill(dice.Id(), person, pathologist, site, death.AddDays(1), death.AddDays(1).AddHours(2), death.AddDays(dice.Between(6, 20)),
            [Practice.Line("88027", site.Hospital)], "21"));
        practice.Look(pathologist, person, death.AddDays(1));
    }
}
